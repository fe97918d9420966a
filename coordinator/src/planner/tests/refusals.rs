//! What is refused, and in which words.

use throng_common::size::ByteSize;
use throng_common::status::EngineFacts;

use super::fixture::{REDIS, host, redis, scenario, try_plan, try_preview};
use crate::planner::refusal::PlanRefusal;

fn lines(refusal: &PlanRefusal) -> String {
    let line = |problem: &crate::planner::refusal::Problem| format!("{problem}\n  hint: {}\n", problem.remedy());
    refusal.problems.iter().map(line).collect()
}

#[test]
fn all_limits_that_do_not_hold_are_named_at_once_with_their_sums() {
    let mut small = host("local");
    small.facts.memory_total_bytes = ByteSize::gib(2).as_bytes();
    small.facts.engine_nofile_hard = Some(500);
    let mut squeezed = redis(100);
    squeezed.fleet.ports = "20000-20049".parse().unwrap();
    insta::assert_snapshot!(lines(&try_plan(&squeezed, &[small], None).unwrap_err()));
}

#[test]
fn what_keeps_a_plan_from_being_made_is_named_at_once() {
    let mut wrong = redis(100);
    wrong.role.get_mut(&"primary".parse().unwrap()).unwrap().after = vec!["worker".parse().unwrap()];
    wrong.fleet.address = Some("192.0.2.1".parse().unwrap());
    wrong.tuning.sysctl = toml::from_str("\"net.ipv4.ip_local_reserved_ports\" = \"1-2\"").unwrap();
    let mut bare = host("local");
    bare.facts.engine = None;
    bare.facts.engine_problem = Some("nobody answers at /var/run/docker.sock".to_owned());
    insta::assert_snapshot!(lines(&try_plan(&wrong, &[bare], None).unwrap_err()));
}

#[test]
fn a_plan_that_is_only_shown_needs_no_engine_and_says_what_is_not_known() {
    let mut bare = host("local");
    bare.facts.engine = None;
    bare.facts.engine_nofile_hard = None;
    bare.facts.engine_problem = Some("/var/run/docker.sock: permission denied".to_owned());
    assert!(try_plan(&redis(100), std::slice::from_ref(&bare), None).is_err());
    let plan = try_preview(&redis(100), bare.clone()).unwrap();
    assert_eq!(plan.nodes().count(), 101);
    assert!(plan.notes.iter().any(|note| note.contains("could not be asked") && note.contains("denied")));
    // One that answered and is of no use is no reason to hope.
    bare.facts.engine =
        host("local").facts.engine.map(|engine| EngineFacts { unusable: Some("it is too old".to_owned()), ..engine });
    assert!(try_preview(&redis(100), bare).is_err());
}

#[test]
fn there_is_no_plan_without_hosts() {
    insta::assert_snapshot!(lines(&try_plan(&redis(1), &[], None).unwrap_err()));
}

#[test]
fn a_count_beyond_all_fleets_is_refused_before_anything_is_summed_up() {
    insta::assert_snapshot!(lines(&try_plan(&redis(u32::MAX), &[host("local")], None).unwrap_err()));
}

#[test]
fn ports_that_contradict_each_other_are_refused() {
    for (ports, part) in [
        ("{ a = { count = 3 }, b = { offset_of = \"a\", plus = 2 } }", "a and b of one node would share a port"),
        ("{ a = {}, b = { offset_of = \"c\", plus = 2 } }", "b cannot be derived"),
        ("{ a = { count = 70000 } }", "a would lie above port 65535"),
    ] {
        let text = REDIS.replacen("ports = [\"redis\"]", &format!("ports = {ports}"), 1);
        let refusal = try_plan(&scenario(&text), &[host("local")], None).unwrap_err();
        assert!(refusal.to_string().contains(part), "{refusal}");
    }
}

#[test]
fn a_pool_without_a_free_block_in_one_piece_is_refused_with_the_reason() {
    let mut torn = host("local");
    torn.facts.listening_ports = "20001,20003,20005,20007".parse().unwrap();
    let text = REDIS.replace("ports = [\"redis\"]\nramdisk", "ports = { redis = { count = 2 } }\nramdisk");
    let mut squeezed = super::fixture::with_count(scenario(&text), "worker", 2);
    squeezed.fleet.ports = "20000-20009".parse().unwrap();
    insta::assert_snapshot!(lines(&try_plan(&squeezed, &[torn], None).unwrap_err()));
}

#[test]
fn a_pool_inside_the_range_of_outgoing_connections_is_refused() {
    let mut wrong = redis(1);
    wrong.fleet.ports = "40000-41000".parse().unwrap();
    insta::assert_snapshot!(lines(&try_plan(&wrong, &[host("local")], None).unwrap_err()));
}

#[test]
fn addresses_are_taken_from_where_they_may_be() {
    let mut chosen = redis(1);
    for (address, managed) in [
        ("10.0.0.7", Some(false)),
        ("198.18.3.4", Some(true)),
        ("127.9.9.9", Some(false)),
        ("10.0.0.8", None),
        ("0.0.0.0", None),
    ] {
        chosen.fleet.address = Some(address.parse().unwrap());
        let plan = try_plan(&chosen, &[host("local")], None);
        assert_eq!(plan.ok().map(|plan| plan.hosts[0].manage_address), managed, "{address}");
    }
}
