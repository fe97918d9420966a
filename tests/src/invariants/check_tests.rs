use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::super::expected::ExpectedCluster;
use super::super::observation::{ContainerSeen, GroupSeen, MountSeen, ProcessSeen, ToldNode};
use super::*;

const FOREIGN: &str = "127.0.0.1 localhost\n";

fn process_id(pid: i32) -> ProcessId {
    ProcessId { pid, start_ticks: 7 }
}

fn expected() -> Expected {
    let node = |kind, pid| ExpectedNode { kind, ramdisks: 1, ramdisk_bytes: 1 << 20, kept: Some(process_id(pid)) };
    let nodes = [("worker-0000", node(Kind::Container, 10)), ("hub-0000", node(Kind::Process, 21))]
        .map(|(n, s)| (n.to_owned(), s));
    let cluster =
        ExpectedCluster { nodes: nodes.into(), pool: Some(29_000..=29_099), address: Some([198, 18, 84, 9].into()) };
    Expected {
        name_prefix: "kl-".to_owned(),
        clusters: BTreeMap::from([("kl-a-1".to_owned(), cluster)]),
        settings: BTreeMap::from([("a.b".to_owned(), "1".to_owned())]),
        foreign_hosts: FOREIGN.to_owned(),
        foreign_ports: vec![29_990..=29_990],
    }
}

fn mount(source: &str, point: &str) -> MountSeen {
    MountSeen { source: source.to_owned(), point: point.into(), size_bytes: Some(1 << 20), inside: None }
}

fn container(node: &str, pid: i32) -> ContainerSeen {
    ContainerSeen {
        name: format!("throng-kl-a-1-{node}"),
        cluster: "kl-a-1".to_owned(),
        node: node.to_owned(),
        generation: 3,
        created: 1000,
        state: "running".to_owned(),
        process: Some(process_id(pid)),
    }
}

fn process(pid: i32, parent: i32, node: &str) -> ProcessSeen {
    let (cluster, node) = ("kl-a-1".to_owned(), node.to_owned());
    ProcessSeen { id: process_id(pid), parent, cluster, node, is_shim: parent == 1, arguments: String::new() }
}

fn told(node: &str, pid: i32) -> ToldNode {
    let (cluster, node) = ("kl-a-1".to_owned(), node.to_owned());
    ToldNode { cluster, node, is_ready: true, pid: Some(pid), answers: true }
}

/// As it should be.
fn sound() -> Observation {
    Observation {
        containers: vec![container("worker-0000", 10)],
        mounts: vec![
            mount("throng:kl-a-1/worker-0000/data", "/run/x/kl-a-1/worker-0000/ramdisk/data"),
            MountSeen { inside: Some(10), ..mount("throng:kl-a-1/worker-0000/data", "/data") },
            mount("throng:kl-a-1/hub-0000/data", "/run/x/kl-a-1/hub-0000/ramdisk/data"),
        ],
        processes: vec![process(20, 1, "hub-0000"), process(21, 20, "hub-0000"), process(22, 21, "hub-0000")],
        groups: vec![GroupSeen { path: "/sys/fs/cgroup/throng/kl-a-1".into(), cluster: "kl-a-1".to_owned() }],
        folders: BTreeSet::from([PathBuf::from("/run/x/kl-a-1")]),
        reserved: vec![29_000..=29_009, 29_990..=29_990],
        addresses: BTreeSet::from([[198, 18, 84, 9].into()]),
        settings: BTreeMap::from([("a.b".to_owned(), "1".to_owned())]),
        hosts: format!(
            "{FOREIGN}# BEGIN throng kl-a-1\n127.84.0.1\tworker-0000 # throng kl-a-1\n127.84.0.1\thub-0000 # throng kl-a-1\n# END throng kl-a-1\n"
        ),
        told: vec![told("worker-0000", 10), told("hub-0000", 21)],
        touched_decoys: Vec::new(),
    }
}

fn found(change: impl FnOnce(&mut Observation)) -> Vec<Invariant> {
    let mut seen = sound();
    change(&mut seen);
    let mut found: Vec<_> = violations(&expected(), &seen).into_iter().map(|violation| violation.invariant).collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn what_is_as_it_should_be_violates_nothing() {
    assert_eq!(violations(&expected(), &sound()), []);
    let nothing = Expected { foreign_hosts: FOREIGN.to_owned(), ..Expected::default() };
    let seen = Observation { hosts: FOREIGN.to_owned(), ..Observation::default() };
    assert_eq!(violations(&nothing, &seen), []);
}

#[test]
fn a_container_that_nobody_asked_for_is_found_in_any_state() {
    for (node, state, name) in [
        ("worker-0001", "running", "throng-kl-a-1-worker-0001"),
        ("worker-0001", "exited", "throng-kl-a-1-worker-0001"),
        ("worker-0000", "created", "throng-kl-a-1-worker-0000-prepare"),
        ("hub-0000", "created", "throng-kl-a-1-hub-0000"),
    ] {
        let stray =
            ContainerSeen { name: name.to_owned(), state: state.to_owned(), process: None, ..container(node, 99) };
        assert_eq!(found(|seen| seen.containers.push(stray)), [Invariant::Containers], "{name} {state}");
    }
}

#[test]
fn mounts_that_are_left_stacked_or_missing_are_found() {
    let left = mount("throng:kl-b-2/worker-0000/data", "/run/x/kl-b-2/worker-0000/ramdisk/data");
    assert_eq!(found(|seen| seen.mounts.push(left.clone())), [Invariant::Mounts]);
    let inside = MountSeen { inside: Some(5), ..left };
    assert_eq!(found(|seen| seen.mounts.push(inside)), [Invariant::Mounts]);
    let nobodys = mount("tmpfs", "/run/x/kl-a-1/worker-0000/other");
    assert_eq!(found(|seen| seen.mounts.push(nobodys)), [Invariant::Mounts]);
    assert_eq!(found(|seen| seen.mounts.push(seen.mounts[0].clone())), [Invariant::Mounts]);
    assert_eq!(found(|seen| drop(seen.mounts.remove(0))), [Invariant::Mounts]);
    assert_eq!(found(|seen| seen.mounts[0].size_bytes = Some(2 << 20)), [Invariant::Mounts]);
}

#[test]
fn processes_and_groups_that_are_left_are_found() {
    assert_eq!(found(|seen| seen.processes.push(process(50, 1, "hub-0001"))), [Invariant::Processes]);
    let group = GroupSeen { path: "/sys/fs/cgroup/throng/kl-b-2".into(), cluster: "kl-b-2".to_owned() };
    assert_eq!(found(|seen| seen.groups.push(group)), [Invariant::Processes]);
}

#[test]
fn a_node_that_does_not_run_or_runs_twice_is_found() {
    let exited = found(|seen| seen.containers[0].state = "exited".to_owned());
    assert_eq!(exited, [Invariant::OneEach, Invariant::Told], "it is called ready");
    assert_eq!(found(|seen| seen.containers.push(container("worker-0000", 11))), [Invariant::OneEach]);
    let second_shim = [process(30, 1, "hub-0000"), process(31, 30, "hub-0000")];
    assert_eq!(found(|seen| seen.processes.extend(second_shim)), [Invariant::OneEach]);
    let only_shim = found(|seen| seen.processes.retain(|process| process.is_shim));
    assert_eq!(only_shim, [Invariant::OneEach, Invariant::Told], "it is called ready");
}

#[test]
fn a_node_that_is_another_process_is_found_also_under_the_same_id() {
    let other = found(|seen| seen.containers[0].process = Some(process_id(11)));
    assert_eq!(other, [Invariant::Kept, Invariant::Told], "it is called ready as the one before");
    let later = ProcessId { start_ticks: 8, ..process_id(10) };
    assert_eq!(found(|seen| seen.containers[0].process = Some(later)), [Invariant::Kept]);
}

#[test]
fn a_node_that_is_called_ready_and_is_not_is_found() {
    assert_eq!(found(|seen| seen.told[0].pid = Some(11)), [Invariant::Told], "another process");
    assert_eq!(found(|seen| seen.told[0].pid = None), [Invariant::Told]);
    assert_eq!(found(|seen| seen.told[1].answers = false), [Invariant::Told]);
    let unready =
        |seen: &mut Observation| seen.told[0] = ToldNode { is_ready: false, pid: None, ..told("hub-0000", 0) };
    assert_eq!(found(unready), [Invariant::Told], "it runs");
    let dead =
        |seen: &mut Observation| seen.containers[0] = ContainerSeen { process: None, ..container("worker-0000", 10) };
    assert_eq!(found(dead), [Invariant::OneEach, Invariant::Told]);
}

#[test]
fn ports_addresses_and_names_that_are_left_or_missing_are_found() {
    assert_eq!(found(|seen| seen.reserved.push(29_500..=29_510)), [Invariant::Host]);
    assert_eq!(found(|seen| seen.reserved.retain(|range| *range.start() != 29_000)), [Invariant::Host]);
    assert_eq!(found(|seen| seen.addresses.extend([std::net::Ipv4Addr::new(198, 18, 84, 10)])), [Invariant::Host]);
    assert_eq!(found(|seen| seen.addresses.clear()), [Invariant::Host]);
    assert_eq!(found(|seen| seen.hosts.push_str("# BEGIN throng kl-b-2\n")), [Invariant::Host]);
    let without = |text: &str| text.replace("127.84.0.1\thub-0000 # throng kl-a-1\n", "");
    assert_eq!(found(|seen| seen.hosts = without(&seen.hosts)), [Invariant::Host]);
    let others = "# BEGIN throng other-1\n127.84.0.1\tworker-0000 # throng other-1\n";
    assert_eq!(found(|seen| seen.hosts.push_str(others)), [], "another throng's names are none of ours");
}

#[test]
fn settings_and_folders_that_are_left_are_found() {
    assert_eq!(found(|seen| drop(seen.settings.insert("a.b".to_owned(), "2".to_owned()))), [Invariant::Settings]);
    assert_eq!(found(|seen| seen.folders.extend([PathBuf::from("/run/x/kl-b-2")])), [Invariant::Folders]);
}

#[test]
fn a_container_made_for_an_older_state_after_one_for_a_newer_is_found() {
    let newer = |created| ContainerSeen { generation: 4, created, ..container("worker-0000", 10) };
    let stale = |seen: &mut Observation, created| {
        seen.containers[0].created = 2000;
        seen.containers.push(ContainerSeen { state: "exited".to_owned(), process: None, ..newer(created) });
    };
    assert_eq!(found(|seen| stale(seen, 1900)), [Invariant::Generations]);
    assert_eq!(found(|seen| stale(seen, 1995)), [], "within the same seconds either order is right");
}

#[test]
fn decoys_that_were_touched_are_found() {
    assert_eq!(found(|seen| seen.reserved.retain(|range| *range.start() != 29_990)), [Invariant::Decoys]);
    assert_eq!(found(|seen| seen.hosts.insert(0, '\n')), [Invariant::Decoys]);
    assert_eq!(found(|seen| seen.touched_decoys.push("x".to_owned())), [Invariant::Decoys]);
}
