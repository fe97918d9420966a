//! The kernel settings of a host, derived from how much it must bear.
//!
//! The profile only ever raises; what the scenario sets itself wins, and may lower. Nothing is written that is high
//! enough already.

use throng_common::host_spec::{SysctlSpec, SysctlWant};
use throng_common::ports::PortSet;
use throng_common::scenario::model::{Tuning, TuningProfile};
use throng_common::sysctl_keys as key;

use super::demand::Demand;
use super::hosts::HostBase;
use super::plan::SysctlPlan;

/// Highest value of settings that are a C `int` in the kernel.
const INT_MAX: u64 = 2_147_483_647;
/// Highest pid_max of a 64-bit kernel (PID_MAX_LIMIT).
const PID_MAX_CEILING: u64 = 4_194_304;
/// Highest threads-max that the kernel takes (FUTEX_TID_MASK).
const THREADS_MAX_CEILING: u64 = 0x3fff_ffff;
/// Highest useful queue of a listening socket: its length was 16 bits wide for long.
const BACKLOG_CEILING: u64 = 65_535;
/// Shortest queue that is asked for: the kernel's own default since 5.4.
const BACKLOG_FLOOR: u64 = 4096;
/// Memory maps of one process that JVMs, LMDB and RocksDB ask for (Elasticsearch and LXD document this figure).
const MAP_COUNT: u64 = 262_144;
/// Bytes that a session keyring of the container runtime takes, its description included, rounded up.
const KEYRING_BYTES: u64 = 256;
/// inotify watches for a node: a few folders of configuration.
const WATCHES_EACH: u64 = 64;

/// A setting as the profile wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Want {
    /// Its name.
    pub(super) key: &'static str,
    /// At least this.
    pub(super) value: u64,
    /// What is expected to be used of it: below this the host is refused.
    pub(super) needed: u64,
    /// The highest value that the kernel takes.
    pub(super) ceiling: u64,
    /// Why, for people.
    pub(super) reason: String,
}

/// What a setting is and can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Setting {
    /// Its value under this plan.
    pub(super) then: u64,
    /// The highest value that a larger plan could give it.
    pub(super) reach: u64,
}

/// The next power of two, as far as there is one.
fn power_of_two(amount: u64) -> u64 {
    amount.checked_next_power_of_two().unwrap_or(u64::MAX)
}

/// Twice as much, and a power of two: room for what was not foreseen, and few distinct values.
fn roomy(amount: u64) -> u64 {
    power_of_two(amount.saturating_mul(2))
}

/// What the profile wants of a host.
pub(super) fn profile(demand: &Demand) -> Vec<Want> {
    let mut wants = always(demand);
    wants.extend(sometimes(demand));
    wants
}

/// A setting, kept below what the kernel takes.
fn want(key: &'static str, value: u64, needed: u64, ceiling: u64, reason: String) -> Want {
    Want { key, value: value.min(ceiling), needed, ceiling, reason }
}

fn of_containers(demand: &Demand, what: &str) -> String {
    format!("{what} for each of {} containers", demand.containers)
}

/// What every host with nodes needs.
fn always(demand: &Demand) -> Vec<Want> {
    let nodes = demand.nodes;
    let tasks = format!("every node may use all its pids: {} tasks", demand.tasks_allowed);
    let tasks_room = power_of_two(demand.tasks_allowed);
    let backlog = power_of_two(demand.cluster_nodes).max(BACKLOG_FLOOR);
    let joins = format!("{} nodes may connect to one at once", demand.cluster_nodes);
    let keyring = of_containers(demand, "a session keyring");
    vec![
        want(key::PID_MAX, tasks_room, demand.tasks, PID_MAX_CEILING, tasks.clone()),
        want(key::THREADS_MAX, tasks_room, demand.tasks, THREADS_MAX_CEILING, tasks),
        want(key::FILE_MAX, roomy(demand.files), demand.files, u64::MAX, format!("open files of {nodes} nodes")),
        want(
            key::INOTIFY_INSTANCES,
            roomy(demand.inotify + nodes),
            demand.inotify,
            INT_MAX,
            format!("one for each of {nodes} nodes"),
        ),
        want(
            key::INOTIFY_WATCHES,
            roomy(nodes * WATCHES_EACH),
            0,
            INT_MAX,
            format!("{WATCHES_EACH} for each of {nodes} nodes"),
        ),
        want(key::MAX_MAP_COUNT, MAP_COUNT, 0, INT_MAX, "JVMs and databases map many files".to_owned()),
        want(key::SOMAXCONN, backlog, 0, BACKLOG_CEILING, joins.clone()),
        want(key::SYN_BACKLOG, backlog, 0, BACKLOG_CEILING, joins.clone()),
        want(key::NETDEV_MAX_BACKLOG, backlog, 0, BACKLOG_CEILING, joins),
        want(key::ROOT_MAXKEYS, roomy(demand.keys), demand.keys, INT_MAX, keyring.clone()),
        want(key::ROOT_MAXBYTES, roomy(demand.containers * KEYRING_BYTES), 0, INT_MAX, keyring),
        want(key::MOUNT_MAX, roomy(demand.mounts), demand.mounts, INT_MAX, format!("mounts of {nodes} nodes")),
    ]
}

/// What depends on the nodes' kind.
fn sometimes(demand: &Demand) -> Vec<Want> {
    let mut wants = Vec::new();
    let namespaces = demand.containers.saturating_mul(4);
    for key in NAMESPACE_KEYS {
        wants.push(want(key, namespaces, demand.containers, INT_MAX, of_containers(demand, "a namespace")));
    }
    let reason = format!("connections of {} nodes, where a firewall follows them", demand.nodes);
    wants.push(want(key::CONNTRACK_MAX, roomy(demand.followed), demand.followed, INT_MAX, reason));
    if demand.nofile > 0 {
        wants.push(want(
            key::NR_OPEN,
            demand.nofile,
            demand.nofile,
            INT_MAX,
            "the highest nofile of a role".to_owned(),
        ));
    }
    if demand.hosts > 1 {
        let reason = || format!("{} hosts are neighbours", demand.hosts);
        wants.push(want(key::NEIGH_THRESH1, demand.hosts, 0, INT_MAX, reason()));
        wants.push(want(key::NEIGH_THRESH2, demand.hosts * 2, 0, INT_MAX, reason()));
        wants.push(want(key::NEIGH_THRESH3, demand.hosts * 4, demand.hosts, INT_MAX, reason()));
    }
    wants
}

/// The namespaces that a container with host networking has of its own.
pub(super) const NAMESPACE_KEYS: [&str; 4] =
    [key::MNT_NAMESPACES, key::PID_NAMESPACES, key::IPC_NAMESPACES, key::UTS_NAMESPACES];

/// What a setting will be on a host; none where neither the host nor the scenario says.
pub(super) fn setting(host: &HostBase<'_>, tuning: &Tuning, wants: &[Want], key: &str) -> Option<Setting> {
    if let Some(own) = tuning.sysctl.get(key) {
        let value = own.to_string().trim().parse().ok()?;
        return Some(Setting { then: value, reach: value });
    }
    let now = host.number(key)?;
    match (tuning.profile, wants.iter().find(|want| want.key == key)) {
        (TuningProfile::Auto, Some(want)) => Some(Setting { then: now.max(want.value), reach: now.max(want.ceiling) }),
        (TuningProfile::Auto, None) | (TuningProfile::None, _) => Some(Setting { then: now, reach: now }),
    }
}

/// All settings of a host: the ports' reservation, the profile, and what the scenario sets itself.
pub(super) fn sysctls(host: &HostBase<'_>, tuning: &Tuning, wants: &[Want], ports: &PortSet) -> Vec<SysctlPlan> {
    let mut plans = Vec::new();
    if !ports.is_empty() {
        plans.push(reservation(host, ports));
    }
    if tuning.profile == TuningProfile::Auto {
        let ours = wants.iter().filter(|want| !tuning.sysctl.contains_key(want.key));
        plans.extend(ours.filter_map(|want| raised(host, want)));
    }
    for (key, value) in &tuning.sysctl {
        let now = host.input.facts.sysctls.get(key).map(|text| normal(text));
        let then = normal(&value.to_string());
        plans.push(SysctlPlan {
            changes: now.as_ref() != Some(&then),
            spec: SysctlSpec {
                key: key.clone(),
                want: SysctlWant::Exactly(then.clone()),
                required: true,
                reason: "set by the scenario".to_owned(),
            },
            now,
            then,
        });
    }
    plans
}

/// None where the kernel has no such setting.
fn raised(host: &HostBase<'_>, want: &Want) -> Option<SysctlPlan> {
    let now = host.number(want.key)?;
    Some(SysctlPlan {
        spec: SysctlSpec {
            key: want.key.to_owned(),
            want: SysctlWant::AtLeast(want.value),
            required: want.needed > now,
            reason: want.reason.clone(),
        },
        now: Some(now.to_string()),
        then: now.max(want.value).to_string(),
        changes: want.value > now,
    })
}

fn reservation(host: &HostBase<'_>, ports: &PortSet) -> SysctlPlan {
    let now = host.input.facts.sysctls.get(key::RESERVED_PORTS).map(|text| normal(text));
    let reserved: PortSet = now.as_ref().and_then(|text| text.parse().ok()).unwrap_or_default();
    let then = reserved.union(ports);
    SysctlPlan {
        spec: SysctlSpec {
            key: key::RESERVED_PORTS.to_owned(),
            want: SysctlWant::Ports(ports.clone()),
            required: true,
            reason: "no outgoing connection may take a node's port".to_owned(),
        },
        changes: then != reserved,
        now,
        then: then.to_string(),
    }
}

/// The kernel separates numbers by tabs, people by spaces.
fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
