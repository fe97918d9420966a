//! The comparison. Pure.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use super::expected::{Expected, ExpectedNode, Kind};
use super::observation::{Observation, ProcessId, ToldNode};

/// Containers whose creation lies within so many seconds of each other may have been asked for in either order.
const CREATION_SLACK_SECONDS: u64 = 10;

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Invariant {
    /// No container of throng's that nobody asked for.
    Containers,
    /// No mount that nobody asked for, none twice, none over another.
    Mounts,
    /// No process or control group that nobody asked for.
    Processes,
    /// The reserved ports, addresses and names are those of the clusters that are up, and of others.
    Host,
    /// Kernel settings are as they were before the clusters that are gone.
    Settings,
    /// No folder of a cluster that is gone.
    Folders,
    /// Every node runs, exactly once.
    OneEach,
    /// A node that nobody touched is the same process as before.
    Kept,
    /// What throng says of a node is so: one that it calls ready runs, as that process, and answers; the others do not run.
    Told,
    /// A command in many nodes has one outcome for each of them, and ran once.
    Outcomes,
    /// Nothing is made for a desired state that was replaced.
    Generations,
    /// What is not throng's is as it was.
    Decoys,
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What should have held.
    pub invariant: Invariant,
    /// What was seen instead.
    pub seen: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {}", self.invariant, self.seen)
    }
}

struct Found(Vec<Violation>);

impl Found {
    fn add(&mut self, invariant: Invariant, seen: impl Into<String>) {
        self.0.push(Violation { invariant, seen: seen.into() });
    }
}

/// All that does not hold.
pub fn violations(expected: &Expected, seen: &Observation) -> Vec<Violation> {
    let mut found = Found(Vec::new());
    containers(expected, seen, &mut found);
    mounts(expected, seen, &mut found);
    processes(expected, seen, &mut found);
    nodes(expected, seen, &mut found);
    host(expected, seen, &mut found);
    settings(expected, seen, &mut found);
    folders(expected, seen, &mut found);
    generations(seen, &mut found);
    told(seen, &mut found);
    for decoy in &seen.touched_decoys {
        found.add(Invariant::Decoys, decoy.clone());
    }
    found.0
}

fn node<'a>(expected: &'a Expected, cluster: &str, node: &str) -> Option<&'a ExpectedNode> {
    expected.clusters.get(cluster)?.nodes.get(node)
}

fn containers(expected: &Expected, seen: &Observation, found: &mut Found) {
    for container in &seen.containers {
        let wanted = node(expected, &container.cluster, &container.node);
        let name = format!("throng-{}-{}", container.cluster, container.node);
        if wanted.is_none_or(|node| node.kind != Kind::Container) || container.name != name {
            found.add(
                Invariant::Containers,
                format!("{} ({}) was asked for by nobody", container.name, container.state),
            );
        }
    }
}

fn mounts(expected: &Expected, seen: &Observation, found: &mut Found) {
    let mut points = BTreeMap::new();
    for mount in &seen.mounts {
        let owner = mount.source.strip_prefix("throng:").and_then(|rest| {
            let mut parts = rest.split('/');
            Some((parts.next()?, parts.next()?))
        });
        let place = match mount.inside {
            None => mount.point.display().to_string(),
            Some(pid) => format!("{} in the mount namespace of process {pid}", mount.point.display()),
        };
        if owner.and_then(|(cluster, name)| node(expected, cluster, name)).is_none() {
            found.add(Invariant::Mounts, format!("{} at {place} belongs to no node", mount.source));
        }
        *points.entry((mount.inside, &mount.point)).or_insert(0_u32) += 1;
    }
    for ((_, point), count) in points.into_iter().filter(|(_, count)| *count > 1) {
        found.add(Invariant::Mounts, format!("{count} mounts lie over each other at {}", point.display()));
    }
    for (cluster, name, node) in each_node(expected) {
        let source = format!("throng:{cluster}/{name}/");
        let own = seen.mounts.iter().filter(|mount| mount.inside.is_none() && mount.source.starts_with(&source));
        let mut count = 0;
        for mount in own {
            count += 1;
            if mount.size_bytes != Some(node.ramdisk_bytes) {
                let (size, wanted) = (mount.size_bytes, node.ramdisk_bytes);
                found.add(Invariant::Mounts, format!("{} has {size:?} of {wanted} bytes", mount.source));
            }
        }
        if count != node.ramdisks {
            found.add(Invariant::Mounts, format!("{cluster}/{name} has {count} of {} ramdisks", node.ramdisks));
        }
    }
}

fn each_node(expected: &Expected) -> impl Iterator<Item = (&String, &String, &ExpectedNode)> {
    expected.clusters.iter().flat_map(|(id, cluster)| cluster.nodes.iter().map(move |(name, node)| (id, name, node)))
}

fn processes(expected: &Expected, seen: &Observation, found: &mut Found) {
    for process in &seen.processes {
        let known = match process.node.as_str() {
            "" => expected.clusters.contains_key(&process.cluster),
            name => node(expected, &process.cluster, name).is_some(),
        };
        if !known {
            let text = format!("process {} of {}/{}", process.id.pid, process.cluster, process.node);
            found.add(Invariant::Processes, format!("{text} was asked for by nobody: {}", process.arguments));
        }
    }
    for group in seen.groups.iter().filter(|group| !expected.clusters.contains_key(&group.cluster)) {
        found.add(Invariant::Processes, format!("control group {} is left", group.path.display()));
    }
}

/// Every node runs once, and is the one that it was.
fn nodes(expected: &Expected, seen: &Observation, found: &mut Found) {
    for (cluster, name, wanted) in each_node(expected) {
        let running = processes_of(seen, cluster, name);
        let [process] = running[..] else {
            found.add(Invariant::OneEach, format!("{cluster}/{name} runs {} times: {running:?}", running.len()));
            continue;
        };
        if let Some(kept) = wanted.kept.filter(|kept| *kept != process) {
            found.add(Invariant::Kept, format!("{cluster}/{name} was process {} and is {}", kept.pid, process.pid));
        }
    }
}

/// The first processes of a node: of its containers that run, and the children of its shims.
pub fn processes_of(seen: &Observation, cluster: &str, name: &str) -> Vec<ProcessId> {
    let containers = seen.containers.iter().filter(|container| container.cluster == cluster && container.node == name);
    let running = containers.filter(|container| container.state == "running").filter_map(|seen| seen.process);
    let own: Vec<_> =
        seen.processes.iter().filter(|process| process.cluster == cluster && process.node == name).collect();
    let shims: Vec<i32> = own.iter().filter(|process| process.is_shim).map(|process| process.id.pid).collect();
    let children = own.iter().filter(|process| !process.is_shim && shims.contains(&process.parent));
    running.chain(children.map(|process| process.id)).collect()
}

fn host(expected: &Expected, seen: &Observation, found: &mut Found) {
    let pools: Vec<_> = expected.clusters.values().filter_map(|cluster| cluster.pool.as_ref()).collect();
    for pool in pools.iter().filter(|pool| !seen.reserved.iter().any(|range| overlap(range, pool))) {
        found.add(Invariant::Host, format!("no ports of {pool:?} are reserved: {:?}", seen.reserved));
    }
    let wanted = |range: &RangeInclusive<u16>| pools.iter().any(|pool| overlap(pool, range));
    for range in seen.reserved.iter().filter(|range| !wanted(range) && !expected.foreign_ports.contains(range)) {
        found.add(Invariant::Host, format!("ports {range:?} are reserved for nobody"));
    }
    for range in expected.foreign_ports.iter().filter(|range| !seen.reserved.contains(range)) {
        found.add(Invariant::Decoys, format!("ports {range:?} were reserved by somebody else, and are not now"));
    }
    let wanted: Vec<_> = expected.clusters.values().filter_map(|cluster| cluster.address).collect();
    for address in seen.addresses.iter().filter(|address| !wanted.contains(address)) {
        found.add(Invariant::Host, format!("address {address} is left on lo"));
    }
    for address in wanted.iter().filter(|address| !seen.addresses.contains(address)) {
        found.add(Invariant::Host, format!("address {address} is not on lo"));
    }
    hosts_file(expected, &seen.hosts, found);
}

fn overlap(one: &RangeInclusive<u16>, other: &RangeInclusive<u16>) -> bool {
    one.start() <= other.end() && other.start() <= one.end()
}

fn hosts_file(expected: &Expected, hosts: &str, found: &mut Found) {
    let now = foreign_lines(hosts);
    if now != expected.foreign_hosts {
        let before = &expected.foreign_hosts;
        found.add(Invariant::Decoys, format!("foreign lines of /etc/hosts were {before:?} and are {now:?}"));
    }
    for (id, cluster) in &expected.clusters {
        let mark = format!("# throng {id}");
        for name in cluster.nodes.keys() {
            let names_it = |line: &str| line.ends_with(&mark) && line.split_whitespace().any(|word| word == name);
            if hosts.lines().filter(|line| names_it(line)).count() != 1 {
                found.add(Invariant::Host, format!("/etc/hosts does not name {name} of {id} once"));
            }
        }
    }
    let known = |cluster: &str| expected.clusters.contains_key(cluster);
    for line in hosts.lines().filter(|line| is_marked(line)) {
        let cluster = line.rsplit(' ').next().unwrap_or_default();
        if cluster.starts_with(&expected.name_prefix) && !known(cluster) {
            found.add(Invariant::Host, format!("/etc/hosts: `{line}` is left"));
        }
    }
}

fn is_marked(line: &str) -> bool {
    ["# BEGIN throng ", "# END throng ", " # throng "].iter().any(|mark| line.contains(mark))
}

/// The hosts file without any cluster's lines.
pub fn foreign_lines(hosts: &str) -> String {
    hosts.split_inclusive('\n').filter(|line| !is_marked(line)).collect()
}

fn settings(expected: &Expected, seen: &Observation, found: &mut Found) {
    for (key, value) in &expected.settings {
        let now = seen.settings.get(key).map_or("missing", String::as_str);
        if now != value {
            found.add(Invariant::Settings, format!("{key} should be {value:?} and is {now:?}"));
        }
    }
}

fn folders(expected: &Expected, seen: &Observation, found: &mut Found) {
    for folder in &seen.folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        if !expected.clusters.contains_key(name.as_ref()) {
            found.add(Invariant::Folders, format!("{} is left", folder.display()));
        }
    }
}

/// A container of an older generation was not created after one of a newer generation.
fn generations(seen: &Observation, found: &mut Found) {
    let newest = |before: u64| {
        let earlier = seen.containers.iter().filter(move |other| other.created + CREATION_SLACK_SECONDS < before);
        earlier.max_by_key(|other| other.generation)
    };
    for container in &seen.containers {
        if let Some(newer) = newest(container.created).filter(|other| other.generation > container.generation) {
            let (own, other) = (container.generation, newer.generation);
            let text = format!("{} of generation {own} was created after {} of {other}", container.name, newer.name);
            found.add(Invariant::Generations, text);
        }
    }
}

fn told(seen: &Observation, found: &mut Found) {
    for ToldNode { cluster, node, is_ready, pid, answers } in &seen.told {
        let runs = processes_of(seen, cluster, node).into_iter().map(|process| process.pid).collect::<Vec<_>>();
        if !is_ready {
            if !runs.is_empty() {
                found.add(Invariant::Told, format!("{cluster}/{node} runs as {runs:?} and is not called ready"));
            }
            continue;
        }
        if pid.is_none_or(|pid| !runs.contains(&pid)) {
            found.add(Invariant::Told, format!("{cluster}/{node} is called ready as process {pid:?} and is {runs:?}"));
        }
        if !answers {
            found.add(Invariant::Told, format!("{cluster}/{node} is called ready and does not answer"));
        }
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
