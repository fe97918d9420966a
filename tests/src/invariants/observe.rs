//! Looking: kernel and engine only, without throng's code, database or agent.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::decoys::Decoys;
use super::observation::{ContainerSeen, GroupSeen, MountSeen, Observation, ProcessId, ProcessSeen};
use crate::{engine, host};

/// The word before the id of a cluster in a control group's path.
const TOP_GROUP: &str = "throng";

/// What is looked at: other throngs of this machine are none of ours.
#[derive(Debug, Clone)]
pub struct Scope {
    /// With what the ids of all our clusters begin.
    pub name_prefix: String,
    /// The agent's run directory.
    pub run_dir: PathBuf,
    /// The agent's folder for nodes' disks.
    pub disk_dir: PathBuf,
    /// Ports that nobody else uses.
    pub ports: RangeInclusive<u16>,
    /// The part of throng's addresses that nobody else uses.
    pub network: [u8; 3],
    /// Kernel settings that are compared.
    pub settings: Vec<String>,
}

/// Everything as it is now.
pub fn observe(scope: &Scope, decoys: &[Decoys]) -> Observation {
    Observation {
        containers: containers(scope),
        mounts: mounts(scope),
        processes: processes(scope),
        groups: groups(scope),
        folders: folders(scope),
        reserved: reserved(scope),
        addresses: addresses(scope),
        settings: settings(&scope.settings),
        hosts: fs::read_to_string("/etc/hosts").expect("/etc/hosts can be read"),
        told: Vec::new(),
        touched_decoys: decoys.iter().flat_map(Decoys::touched).collect(),
    }
}

/// Kernel settings by their names; those that are missing are left out.
pub fn settings(keys: &[String]) -> BTreeMap<String, String> {
    let read = |key: &String| {
        let text = fs::read_to_string(Path::new("/proc/sys").join(key.replace('.', "/"))).ok()?;
        Some((key.clone(), text.trim().to_owned()))
    };
    keys.iter().filter_map(read).collect()
}

fn containers(scope: &Scope) -> Vec<ContainerSeen> {
    let own = engine::list().into_iter().filter_map(|listed| container(scope, &listed));
    own.collect()
}

fn container(scope: &Scope, listed: &Value) -> Option<ContainerSeen> {
    let label = |name: &str| listed["Labels"][name].as_str().unwrap_or_default().to_owned();
    let cluster = label("throng.cluster");
    if !cluster.starts_with(&scope.name_prefix) {
        return None;
    }
    let state = listed["State"].as_str().unwrap_or_default().to_owned();
    let inspected = engine::inspect(listed["Id"].as_str()?)?;
    let pid = inspected["State"]["Pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 0);
    Some(ContainerSeen {
        name: listed["Names"][0].as_str().unwrap_or_default().trim_start_matches('/').to_owned(),
        cluster,
        node: label("throng.node"),
        generation: label("throng.generation").parse().unwrap_or(0),
        created: listed["Created"].as_u64().unwrap_or(0),
        state,
        process: pid.and_then(|pid| Some(ProcessId { pid, start_ticks: stat(pid)?.start_ticks })),
    })
}

/// Of `/proc/<pid>/stat`: parent and start.
struct Stat {
    parent: i32,
    start_ticks: u64,
    state: char,
}

fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let words: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat {
        state: words.first()?.chars().next()?,
        parent: words.get(1)?.parse().ok()?,
        start_ticks: words.get(19)?.parse().ok()?,
    })
}

fn pids() -> Vec<i32> {
    let entries = fs::read_dir("/proc").expect("/proc is mounted").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn mounts(scope: &Scope) -> Vec<MountSeen> {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
    let own = namespace("self");
    let mut looked_at = BTreeSet::new();
    let mut found = Vec::new();
    for pid in pids() {
        let Some(of) = namespace(&pid.to_string()).filter(|of| looked_at.insert(of.clone())) else { continue };
        let inside = (Some(of) != own).then_some(pid);
        let table = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
        found.extend(table.lines().filter_map(|line| mount(scope, line, inside)));
    }
    found
}

/// `36 35 98:0 / /point options - type source …`
fn mount(scope: &Scope, line: &str, inside: Option<i32>) -> Option<MountSeen> {
    let (left, right) = line.split_once(" - ")?;
    let point = PathBuf::from(left.split(' ').nth(4)?);
    let source = right.split(' ').nth(1)?.to_owned();
    let kibibytes = right.split([' ', ',']).find_map(|option| option.strip_prefix("size=")?.strip_suffix('k'));
    let size_bytes = kibibytes.and_then(|number| Some(number.parse::<u64>().ok()? * 1024));
    let by_name = source.starts_with(&format!("throng:{}", scope.name_prefix));
    let by_place = inside.is_none() && point != scope.run_dir && point.starts_with(&scope.run_dir);
    (by_name || by_place).then_some(MountSeen { source, point, size_bytes, inside })
}

fn processes(scope: &Scope) -> Vec<ProcessSeen> {
    pids().into_iter().filter_map(|pid| process(scope, pid)).collect()
}

fn process(scope: &Scope, pid: i32) -> Option<ProcessSeen> {
    let Stat { parent, start_ticks, state } = stat(pid)?;
    if matches!(state, 'Z' | 'X') {
        return None;
    }
    let strings = |file: &str| -> Vec<String> {
        let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let parts = bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty());
        parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect()
    };
    let arguments = strings("cmdline");
    let is_shim = arguments.get(1).is_some_and(|word| word == "shim");
    let owner = owner_by_folder(scope, &arguments)
        .or_else(|| owner_by_environment(&strings("environ")))
        .or_else(|| owner_by_group(pid))
        .filter(|(cluster, _)| cluster.starts_with(&scope.name_prefix))?;
    let (cluster, node) = owner;
    let id = ProcessId { pid, start_ticks };
    Some(ProcessSeen { id, parent, cluster, node, is_shim, arguments: arguments.join(" ") })
}

/// `throng-agent shim --dir <run directory>/<cluster>/<node>/shim`.
fn owner_by_folder(scope: &Scope, arguments: &[String]) -> Option<(String, String)> {
    let below = arguments.iter().find_map(|word| Path::new(word).strip_prefix(&scope.run_dir).ok())?;
    let mut parts = below.iter().map(|part| part.to_string_lossy().into_owned());
    Some((parts.next()?, parts.next().unwrap_or_default()))
}

fn owner_by_environment(environment: &[String]) -> Option<(String, String)> {
    let value = |name: &str| environment.iter().find_map(|entry| entry.strip_prefix(name).map(str::to_owned));
    Some((value("THRONG_CLUSTER=")?, value("THRONG_NODE=").unwrap_or_default()))
}

fn owner_by_group(pid: i32) -> Option<(String, String)> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    text.lines().find_map(|line| {
        let mut parts = line.split('/').skip_while(|part| *part != TOP_GROUP).skip(1);
        Some((parts.next()?.to_owned(), parts.next().unwrap_or_default().to_owned()))
    })
}

fn groups(scope: &Scope) -> Vec<GroupSeen> {
    let cluster = |path: &Path| {
        let mut parts = path.iter().map(|part| part.to_string_lossy().into_owned());
        parts.find(|part| part == TOP_GROUP)?;
        parts.next()
    };
    let all = host::cgroups(&scope.name_prefix).into_iter();
    all.filter_map(|path| Some(GroupSeen { cluster: cluster(&path)?, path })).collect()
}

fn folders(scope: &Scope) -> BTreeSet<PathBuf> {
    let entries = [&scope.run_dir, &scope.disk_dir].map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    let own = entries
        .into_iter()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&scope.name_prefix));
    own.map(|entry| entry.path()).collect()
}

fn reserved(scope: &Scope) -> Vec<RangeInclusive<u16>> {
    let own = |range: &RangeInclusive<u16>| scope.ports.contains(range.start()) || scope.ports.contains(range.end());
    host::reserved().into_iter().map(|(from, to)| from..=to).filter(own).collect()
}

fn addresses(scope: &Scope) -> BTreeSet<Ipv4Addr> {
    let output = Command::new("ip").args(["-4", "-o", "address", "show", "dev", "lo"]).output();
    let output = output.expect("`ip` is needed: install iproute2").stdout;
    let text = String::from_utf8_lossy(&output).into_owned();
    let all = text.split_whitespace().filter_map(|word| word.split('/').next()?.parse::<Ipv4Addr>().ok());
    all.filter(|address| address.octets()[..3] == scope.network).collect()
}
