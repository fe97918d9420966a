use std::collections::BTreeMap;

use super::*;
use crate::cluster::{ClusterRecord, Pending, sample};
use crate::core::rendered;
use crate::planner::tests::fixture::{REDIS, fitting, scenario, with_count};

/// What hosts are told of every node of this scenario.
fn specs(text: &str) -> BTreeMap<NodeName, NodeSpec> {
    by_name(&record(text))
}

fn by_name(record: &ClusterRecord) -> BTreeMap<NodeName, NodeSpec> {
    let parts = rendered(record).unwrap();
    parts.into_iter().flat_map(|(_, part)| part.nodes).map(|node| (node.name.clone(), node)).collect()
}

fn record(text: &str) -> ClusterRecord {
    let scenario = with_count(scenario(text), "worker", 3);
    let plan = fitting(&scenario);
    sample::up("redis-replicas-x7k2", scenario, plan)
}

/// Roles with what is said of them: `role: setting before -> after [of node]; restarted R told T untouched U`.
fn said(before: &str, after: &str) -> Vec<String> {
    let line = |diff: RoleDiff| {
        let setting = |s: SettingDiff| {
            let of = s.instance.map(|node| format!(" of {node}")).unwrap_or_default();
            format!("{} {} -> {}{of}", s.setting, s.before, s.after)
        };
        let settings: Vec<String> = diff.settings.into_iter().map(setting).collect();
        let (restarted, told, untouched) = (diff.restarted.len(), diff.told.len(), diff.untouched.len());
        format!("{}: {}; {restarted} {told} {untouched}", diff.role, settings.join(", "))
    };
    roles(&specs(before), &specs(after)).into_iter().map(line).collect()
}

#[test]
fn the_same_scenario_changes_nothing() {
    assert_eq!(said(REDIS, REDIS), ["primary: ; 0 0 1", "worker: ; 0 0 3"]);
}

#[test]
fn what_a_node_would_notice_restarts_its_role_and_leaves_the_others() {
    let image = REDIS.replace("redis:7", "redis:8");
    assert_eq!(said(REDIS, &image), ["primary: ; 0 0 1", "worker: image redis:7 -> redis:8; 3 0 0"]);
    let memory = REDIS.replace("memory = \"16MiB\"", "memory = \"24MiB\"");
    assert_eq!(said(REDIS, &memory)[1], "worker: limits.memory 16MiB -> 24MiB; 3 0 0");
    let size = REDIS.replace("size = \"8MiB\"", "size = \"4MiB\"");
    assert!(said(REDIS, &size)[1].ends_with("; 3 0 0"), "a ramdisk's size is no matter of the container alone");
    let env = REDIS.replace("image = \"redis:7\"", "image = \"redis:7\"\nenv = { COLOUR = \"blue\" }");
    assert_eq!(said(REDIS, &env)[1], "worker: env.COLOUR  -> blue; 3 0 0");
    let own = REDIS.replace("\"--replicaof\"", "\"--name\", \"{node.name}\", \"--replicaof\"");
    let said = said(REDIS, &own);
    assert!(
        said[1].starts_with("worker: command redis-server") && said[1].contains(" of worker-0000; 3 0 0"),
        "{said:?}"
    );
}

#[test]
fn what_only_the_agent_follows_restarts_nobody() {
    let policy = REDIS.replace("start = { rate", "restart = { max = 9 }\nstart = { rate");
    let said_of = said(REDIS, &policy);
    assert!(said_of[1].starts_with("worker: restart.max ") && said_of[1].ends_with("; 0 3 0"), "{said_of:?}");
    let stop = REDIS.replace("ready = { tcp", "stop = { grace = \"9s\" }\nready = { tcp");
    assert!(said(REDIS, &stop)[0].ends_with("; 0 1 0"), "a process is told how it is stopped");
    let probe = REDIS.replace("expect = \"PONG\"", "expect = \"+PONG\"");
    assert!(said(REDIS, &probe)[0].ends_with("; 1 0 0"), "a probe begins with its node");
}

#[test]
fn on_the_way_every_node_is_told_what_it_was_or_what_it_becomes_and_nothing_between() {
    let (before, after) = (record(REDIS), record(&REDIS.replace("redis:7", "redis:8")));
    let (was, becomes) = (by_name(&before), by_name(&after));
    let nodes: Vec<NodeName> = was.keys().cloned().collect();
    for mask in 0_u32..1 << nodes.len() {
        let done = nodes.iter().enumerate().filter(|(at, _)| mask & (1 << at) != 0).map(|(_, node)| node.clone());
        let pending = Pending {
            scenario: after.scenario.clone(),
            plan: after.plan.clone(),
            files: BTreeMap::new(),
            done: done.collect(),
        };
        let told = by_name(&ClusterRecord { pending: Some(pending.clone()), ..before.clone() });
        for (node, spec) in told {
            let expected = if pending.done.contains(&node) { &becomes[&node] } else { &was[&node] };
            assert_eq!(&spec, expected);
        }
    }
}
