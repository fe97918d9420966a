//! What was seen, in plain values.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// A process that can be told from another one that got its id later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessId {
    /// Its id.
    pub pid: i32,
    /// When it began, in clock ticks since boot.
    pub start_ticks: u64,
}

/// Everything that was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observation {
    /// Containers that carry throng's label and one of our clusters' names, in any state.
    pub containers: Vec<ContainerSeen>,
    /// Mounts of ours in any mount namespace.
    pub mounts: Vec<MountSeen>,
    /// Processes of ours: shims, and what has a cluster's name in its environment or control group.
    pub processes: Vec<ProcessSeen>,
    /// Control groups of ours.
    pub groups: Vec<GroupSeen>,
    /// Folders of clusters, in the run directory and on disk.
    pub folders: BTreeSet<PathBuf>,
    /// The reserved ports.
    pub reserved: Vec<RangeInclusive<u16>>,
    /// The addresses of throng's range on `lo`.
    pub addresses: BTreeSet<Ipv4Addr>,
    /// Kernel settings.
    pub settings: BTreeMap<String, String>,
    /// The hosts file.
    pub hosts: String,
    /// What throng says of its nodes; empty where it was not asked.
    pub told: Vec<ToldNode>,
    /// Decoys that are no longer as they were planted.
    pub touched_decoys: Vec<String>,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSeen {
    /// Its name.
    pub name: String,
    /// The cluster of its label.
    pub cluster: String,
    /// The node of its label.
    pub node: String,
    /// The generation of its label.
    pub generation: u64,
    /// When it was created, in seconds since 1970.
    pub created: u64,
    /// The engine's word for its state.
    pub state: String,
    /// Its first process, while it has one.
    pub process: Option<ProcessId>,
}

/// A mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountSeen {
    /// Its source.
    pub source: String,
    /// Where.
    pub point: PathBuf,
    /// Its size, where its options say one.
    pub size_bytes: Option<u64>,
    /// A process of its mount namespace; none for the machine's own.
    pub inside: Option<i32>,
}

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessSeen {
    /// Which.
    pub id: ProcessId,
    /// Its parent.
    pub parent: i32,
    /// The cluster that it belongs to.
    pub cluster: String,
    /// The node; empty where that cannot be told.
    pub node: String,
    /// Whether it is a shim.
    pub is_shim: bool,
    /// Its arguments, for people.
    pub arguments: String,
}

/// A control group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSeen {
    /// Where.
    pub path: PathBuf,
    /// Its cluster.
    pub cluster: String,
}

/// What throng says of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldNode {
    /// Its cluster.
    pub cluster: String,
    /// The node.
    pub node: String,
    /// Whether it is called ready.
    pub is_ready: bool,
    /// The first process that it is said to have.
    pub pid: Option<i32>,
    /// Whether it answers, if it is called ready.
    pub answers: bool,
}
