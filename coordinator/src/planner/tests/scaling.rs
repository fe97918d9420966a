//! What stays where it is when a cluster is scaled, and what several hosts get.

use std::collections::BTreeSet;

use throng_common::ids::{NodeName, RoleName};
use throng_common::scenario::model::RunKind;

use super::fixture::{fitting, host, redis, set, try_plan};
use crate::planner::plan::{NodePlan, Plan};

fn nodes(plan: &Plan) -> Vec<(String, NodePlan)> {
    plan.nodes().map(|(host, node)| (host.host.to_string(), node.clone())).collect()
}

#[test]
fn scaling_keeps_host_slot_and_ports_of_those_that_stay_and_takes_the_highest_first() {
    let hosts = [host("a"), host("b"), host("c")];
    let hundred = try_plan(&redis(100), &hosts, None).unwrap();
    let more = try_plan(&redis(150), &hosts, Some(&hundred)).unwrap();
    let fewer = try_plan(&redis(50), &hosts, Some(&more)).unwrap();
    let (before, grown, shrunk) = (nodes(&hundred), nodes(&more), nodes(&fewer));
    assert!(before.iter().all(|node| grown.contains(node)));
    assert!(shrunk.iter().all(|node| before.contains(node)));
    assert_eq!(shrunk.len(), 51);
    assert!(shrunk.iter().all(|(_, node)| node.name.index() < 50));
}

#[test]
fn scaling_up_and_down_again_gives_the_same_plan() {
    let hosts = [host("local")];
    let before = try_plan(&redis(100), &hosts, None).unwrap();
    let more = try_plan(&redis(150), &hosts, Some(&before)).unwrap();
    assert_eq!(try_plan(&redis(100), &hosts, Some(&more)).unwrap(), before);
}

#[test]
fn a_cluster_does_not_stand_in_its_own_way() {
    let before = fitting(&redis(100));
    let mut running = host("local");
    let own = &before.hosts[0].reserved;
    running.facts.listening_ports = running.facts.listening_ports.union(own);
    set(&mut running, "net.ipv4.ip_local_reserved_ports", &own.to_string());
    running.facts.tasks += 44 * 100 + 32;
    let after = try_plan(&redis(100), &[running], Some(&before)).unwrap();
    assert_eq!((nodes(&after), &after.limits), (nodes(&before), &before.limits));
}

#[test]
fn the_primary_has_a_host_of_its_own_and_workers_are_spread_by_memory() {
    let mut large = host("c");
    large.facts.memory_total_bytes *= 2;
    let plan = try_plan(&redis(100), &[host("a"), host("b"), large], None).unwrap();
    let counts: Vec<usize> = plan.hosts.iter().map(|host| host.nodes.len()).collect();
    assert_eq!(counts[0], 1);
    assert_eq!(plan.roles[plan.hosts[0].nodes[0].name.role()].run, RunKind::Process);
    assert!((30..=34).contains(&counts[1]) && counts[1] + counts[2] == 100, "{counts:?}");
    let addresses: Vec<String> = plan.hosts.iter().map(|host| host.address.to_string()).collect();
    assert_eq!(addresses, ["127.84.0.1", "127.84.0.2", "127.84.0.3"]);
}

#[test]
fn ports_that_somebody_else_has_are_left_out() {
    let mut taken = host("local");
    taken.facts.listening_ports = "20000,20005".parse().unwrap();
    taken.other_ports = "20001-20003".parse().unwrap();
    set(&mut taken, "net.ipv4.ip_local_reserved_ports", "20008,50000");
    let plan = try_plan(&redis(5), &[taken], None).unwrap();
    assert_eq!(plan.hosts[0].reserved.to_string(), "20004,20006-20007,20009-20011");
}

#[test]
fn every_node_has_one_line_in_the_hosts_file_and_a_slot_of_its_own() {
    let plan = fitting(&redis(100));
    let names: BTreeSet<String> = plan.names().into_iter().flat_map(|entry| entry.names).collect();
    assert!(names.contains("primary-0000") && names.contains("worker-0099") && names.len() == 101);
    let slots: BTreeSet<u32> = plan.hosts[0].nodes.iter().map(|node| node.slot).collect();
    assert_eq!(slots, (0..101).collect());
}

#[test]
fn a_plan_survives_its_journal() {
    let plan = try_plan(&redis(77), &[host("a"), host("b"), host("c")], None).unwrap();
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

#[test]
fn roles_start_in_waves() {
    let plan = fitting(&redis(3));
    let waves: Vec<Vec<&str>> = plan.waves.iter().map(|wave| wave.iter().map(RoleName::as_str).collect()).collect();
    assert_eq!(waves, [["primary"], ["worker"]]);
    let worker = &plan.roles[&"worker".parse().unwrap()];
    assert_eq!((worker.wave, worker.quorum, worker.starts_per_second), (1, 3, Some(40.0)));
    assert!(plan.node(&"worker-0002".parse::<NodeName>().unwrap()).is_some());
}
