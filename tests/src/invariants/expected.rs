//! What should be there: the test knows, because it asked for it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use super::observation::ProcessId;

/// What should be there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// With what the ids of all our clusters begin.
    pub name_prefix: String,
    /// The clusters that are up.
    pub clusters: BTreeMap<String, ExpectedCluster>,
    /// Kernel settings with the values that they should have; empty where others may have changed them.
    pub settings: BTreeMap<String, String>,
    /// What of the hosts file is nobody's cluster.
    pub foreign_hosts: String,
    /// Ranges of reserved ports that are somebody else's, among those that are looked at.
    pub foreign_ports: Vec<RangeInclusive<u16>>,
}

/// A cluster that is up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpectedCluster {
    /// Its nodes.
    pub nodes: BTreeMap<String, ExpectedNode>,
    /// The pool of its ports: reserved ones of it are this cluster's.
    pub pool: Option<RangeInclusive<u16>>,
    /// An address that was added for it.
    pub address: Option<Ipv4Addr>,
}

/// A node that should run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedNode {
    /// What it is.
    pub kind: Kind,
    /// How many ramdisks it has.
    pub ramdisks: usize,
    /// The size of each.
    pub ramdisk_bytes: u64,
    /// The process that it had before, where nobody asked for another.
    pub kept: Option<ProcessId>,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A container.
    Container,
    /// A process beside its shim.
    Process,
}
