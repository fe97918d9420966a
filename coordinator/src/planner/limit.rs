//! One limit of a host: how much of it the plan uses, and at how many nodes it breaks.

use std::fmt;

use serde::{Deserialize, Serialize};
use throng_common::ids::{HostId, RoleName};
use throng_common::size::ByteSize;

/// What can run out on a host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitName {
    /// Memory.
    Memory,
    /// Ports of the pool.
    Ports,
    /// Process ids: `kernel.pid_max`.
    PidMax,
    /// Tasks of the kernel: `kernel.threads-max`.
    ThreadsMax,
    /// Open files of one node of this role, against what the engine (or the agent, for a process) may give.
    NodeFiles(RoleName),
    /// Open files of the engine.
    EngineFiles,
    /// Open files of the whole system: `fs.file-max`.
    FileMax,
    /// inotify instances of root: `fs.inotify.max_user_instances`.
    Inotify,
    /// Session keyrings of root: `kernel.keys.root_maxkeys`.
    Keyrings,
    /// Mounts of the host's mount namespace: `fs.mount-max`.
    Mounts,
    /// Namespaces of one kind: `user.max_*_namespaces`.
    Namespaces,
    /// Memory maps of one process: `vm.max_map_count`.
    Maps,
    /// Neighbours of the host: `net.ipv4.neigh.default.gc_thresh3`.
    Neighbours,
    /// Connections that a firewall with state follows: `net.netfilter.nf_conntrack_max`.
    Followed,
}

impl fmt::Display for LimitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Memory => "memory",
            Self::Ports => "ports",
            Self::PidMax => "process ids",
            Self::ThreadsMax => "tasks",
            Self::NodeFiles(role) => return f.pad(&format!("open files of one {role}")),
            Self::EngineFiles => "open files of the engine",
            Self::FileMax => "open files in all",
            Self::Inotify => "inotify instances",
            Self::Keyrings => "keyrings",
            Self::Mounts => "mounts",
            Self::Namespaces => "namespaces",
            Self::Maps => "memory maps of a process",
            Self::Neighbours => "neighbours",
            Self::Followed => "connections that the firewall follows",
        };
        f.pad(text)
    }
}

/// In what a limit is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Things.
    Count,
}

impl Unit {
    /// An amount in this unit, for people.
    pub fn show(self, amount: u64) -> String {
        match self {
            Self::Bytes => ByteSize::bytes(amount).to_string(),
            Self::Count => amount.to_string(),
        }
    }
}

/// How near a limit is, on the host where it is nearest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// What can run out.
    pub name: LimitName,
    /// The host where it is nearest.
    pub host: HostId,
    /// How much would be in use.
    pub used: u64,
    /// How much there is, after tuning.
    pub bound: u64,
    /// In what both are counted.
    pub unit: Unit,
    /// The share in use, in percent with one decimal.
    pub share_percent: f64,
    /// The lowest count of the plan's largest role that does not fit; none where no count up to 16
    /// times the plan's own (and 4096) exceeds it.
    pub breaks_at: Option<u32>,
    /// Where the figures come from, for people.
    pub why: String,
}
