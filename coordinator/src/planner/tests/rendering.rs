//! What nodes, probes and tests are told.

use std::collections::{BTreeMap, BTreeSet};

use throng_common::host_spec::{ClusterSpec, DesiredState, NodeSpec, ProbeCheck, Workload};
use throng_common::ids::{Incarnation, NodeName};
use throng_common::scenario::model::Scenario;

use super::fixture::{REDIS, fitting, host, redis, scenario, try_plan};
use crate::planner::description::{ClusterDescription, describe};
use crate::planner::plan::Plan;
use crate::planner::render::{RenderError, RenderInput, host_spec};
use crate::planner::texts::{Saved, Texts};

fn rendered(plan: &Plan, scenario: &Scenario) -> Result<ClusterSpec, RenderError> {
    rendered_when(plan, scenario, &BTreeSet::new())
}

fn rendered_when(plan: &Plan, scenario: &Scenario, prepared: &BTreeSet<NodeName>) -> Result<ClusterSpec, RenderError> {
    let texts = Texts::new(plan, scenario);
    let files = BTreeMap::from([("conf.tmpl".to_owned(), b"port {port.redis}\n".to_vec())]);
    let desired = BTreeMap::from([("primary".parse().unwrap(), DesiredState::Running)]);
    let incarnations = BTreeMap::from([("worker-0001".parse().unwrap(), Incarnation(3))]);
    let input = RenderInput { texts: &texts, files: &files, desired: &desired, incarnations: &incarnations, prepared };
    Ok(host_spec(&input)?.remove(0).1)
}

fn node(spec: &ClusterSpec, name: &str) -> NodeSpec {
    spec.nodes.iter().find(|node| node.name.to_string() == name).unwrap().clone()
}

/// What a host is told of a node.
pub(super) fn told(plan: &Plan, scenario: &Scenario, name: &str) -> NodeSpec {
    node(&rendered(plan, scenario).unwrap(), name)
}

#[test]
fn an_agent_is_told_everything_filled_in() {
    let scenario = redis(3);
    let spec = rendered(&fitting(&scenario), &scenario).unwrap();
    let primary = node(&spec, "primary-0000");
    let Workload::Process(process) = &primary.workload else { panic!("a process") };
    assert_eq!(
        process.command[1..],
        [
            "--bind",
            "127.84.0.1",
            "--port",
            "20000",
            "--dir",
            "/var/lib/throng-agent/disk/redis-replicas-x7k2/primary-0000/work"
        ]
    );
    assert_eq!((process.user.as_str(), primary.desired), ("1000:1000", DesiredState::Running));
    let Some(ProbeCheck::Tcp { port: 20000, send, .. }) = primary.ready.map(|probe| probe.check) else {
        panic!("a probe of port 20000")
    };
    assert_eq!(send, "PING\r\n");
    let worker = node(&spec, "worker-0001");
    let Workload::Container(container) = &worker.workload else { panic!("a container") };
    assert_eq!(
        container.command[1..],
        ["--bind", "127.84.0.1", "--port", "20002", "--dir", "/data", "--replicaof", "127.84.0.1", "20000"]
    );
    assert_eq!((worker.desired, worker.incarnation), (DesiredState::Stopped, Incarnation(3)));
    assert_eq!((worker.ramdisks[0].inodes, worker.limits.pids), (2048, Some(512)));
    assert_eq!((spec.names.len(), spec.pace.per_second), (4, Some(40.0)));
}

#[test]
fn those_for_whom_another_prepares_run_when_that_one_has_run_and_prepare_nothing() {
    let text = REDIS.replace("memory = \"256MiB\"", "prepare = { command = [\"x\"], per = \"cluster\" }\ncount = 3");
    let scenario =
        super::fixture::with_count(scenario(&text.replace("{role.primary.", "{role.primary[0].")), "worker", 1);
    let plan = fitting(&scenario);
    let first = BTreeSet::from(["primary-0000".parse().unwrap()]);
    for (prepared, others) in [(BTreeSet::new(), DesiredState::Stopped), (first, DesiredState::Running)] {
        let spec = rendered_when(&plan, &scenario, &prepared).unwrap();
        let said = |name| (node(&spec, name).desired, node(&spec, name).prepare.is_some());
        assert_eq!(said("primary-0000"), (DesiredState::Running, true));
        assert_eq!((said("primary-0001"), said("primary-0002")), ((others, false), (others, false)));
    }
}

#[test]
fn files_are_filled_in_only_as_templates_and_missing_ones_are_named() {
    let with = |files: &str| {
        let text = REDIS.replace("memory = \"16MiB\"", &format!("memory = \"16MiB\"\nfiles = {files}"));
        let scenario = super::fixture::with_count(scenario(&text), "worker", 1);
        rendered(&fitting(&scenario), &scenario).map(|spec| node(&spec, "worker-0000").files.remove(0))
    };
    let file = with("{ \"/etc/x.conf\" = { source = \"conf.tmpl\", template = true, mode = \"0600\" } }").unwrap();
    assert_eq!((file.contents, file.mode), (b"port 20001\n".to_vec(), 0o600));
    let file = with("{ \"/etc/x.conf\" = { text = \"{port.redis}\" } }").unwrap();
    assert_eq!((file.contents, file.mode), (b"{port.redis}".to_vec(), 0o644));
    let error = with("{ \"/etc/x.conf\" = { source = \"gone\" } }").unwrap_err();
    assert_eq!(error.to_string(), "worker-0000: the bundle lacks gone, named by role.worker.files");
}

#[test]
fn a_node_that_is_told_how_many_others_there_are_keeps_its_structure_when_they_come_and_go() {
    let text = REDIS
        .replace(
            "ports = [\"redis\"]\nmemory",
            "env = { MEMBERS = \"{role.worker.names}\" }\nports = [\"redis\"]\nmemory",
        )
        .replace(
            "memory = \"16MiB\"",
            "memory = \"16MiB\"\nfiles = { \"/etc/x.conf\" = { text = \"of {role.worker.count}\", template = true } }",
        );
    let with = |text: &str, count| {
        let scenario = super::fixture::with_count(scenario(text), "worker", count);
        rendered(&fitting(&scenario), &scenario).unwrap()
    };
    let (three, four) = (with(&text, 3), with(&text, 4));
    for name in ["primary-0000", "worker-0001"] {
        let (before, after) = (node(&three, name), node(&four, name));
        assert!(before.structure.is_some() && before.structure == after.structure, "{name}");
        assert_ne!(before, after, "{name} has the new number when it is started anew");
    }
    assert_eq!(node(&four, "worker-0001").files[0].contents, b"of 4");
    assert_eq!(node(&four, "primary-0000").env[0].1, "worker-0000,worker-0001,worker-0002,worker-0003");
    // Another text beside the number is another structure.
    let other = with(&text.replace("of {role.worker.count}", "all {role.worker.count}"), 3);
    assert_ne!(node(&other, "worker-0001").structure, node(&three, "worker-0001").structure);
    // Where no text says a number, the texts themselves decide.
    assert!(with(REDIS, 3).nodes.iter().all(|node| node.structure.is_none()));
}

#[test]
fn derived_ports_and_ranges_lie_where_their_base_does() {
    let text = REDIS.replace(
        "ports = [\"redis\"]\nramdisk",
        "ports = { redis = {}, bus = { offset_of = \"redis\", plus = 10000 }, data = { count = 10 } }\nramdisk",
    );
    let scenario = super::fixture::with_count(scenario(&text), "worker", 2);
    let plan = fitting(&scenario);
    let texts = Texts::new(&plan, &scenario);
    let worker: NodeName = "worker-0001".parse().unwrap();
    let text = "{port.data}-{port.data.last} {port.redis} {port.bus}";
    assert_eq!(texts.resolve_text(text, Some(&worker), &Saved::new()).unwrap(), "20015-20024 20025 30025");
    assert!(plan.hosts[0].reserved.contains(30_025));
}

#[test]
fn texts_know_the_node_the_cluster_and_what_was_saved() {
    let scenario = redis(3);
    let plan = fitting(&scenario);
    let texts = Texts::new(&plan, &scenario);
    let worker: NodeName = "worker-0002".parse().unwrap();
    let saved = Saved::from([("key".to_owned(), "k1".to_owned())]);
    for (text, expected) in [
        ("{node.name} {node.index} {node.role}", "worker-0002 2 worker"),
        ("{saved.key} {cluster.id} {scenario.dir}", "k1 redis-replicas-x7k2 /home/me/redis"),
        ("{role.worker.count} {role.worker.names}", "3 worker-0000,worker-0001,worker-0002"),
        ("{role.worker[0].port.redis} {role.worker[{node.index}].name}", "20001 worker-0002"),
        ("{\"json\": {node.index}}", "{\"json\": 2}"),
    ] {
        assert_eq!(texts.resolve_text(text, Some(&worker), &saved).unwrap(), expected);
    }
    for (text, part) in [
        ("{role.worker.name}", "has 3 nodes"),
        ("{role.worker[3].name}", "has 3 nodes"),
        ("{role.x.count}", "no such role"),
        ("{port.x}", "declared"),
        ("{saved.other}", "saved"),
        ("{node.dir}", "give it `disk` or `scratch`"),
    ] {
        let error = texts.resolve_text(text, Some(&worker), &saved).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
    let error = texts.resolve_text("{node.name}", None, &saved).unwrap_err().to_string();
    assert!(error.contains("needs a node"), "{error}");
}

#[test]
fn the_description_tells_a_program_how_to_reach_every_node() {
    let scenario = redis(2);
    let plan = try_plan(&scenario, &[host("a"), host("b")], None).unwrap();
    let described = describe(&Texts::new(&plan, &scenario));
    let json = serde_json::to_string_pretty(&described).unwrap();
    assert_eq!(serde_json::from_str::<ClusterDescription>(&json).unwrap(), described);
    insta::assert_snapshot!(json);
}
