//! The targets by name.

use super::{hosts, mounts, nodes, scenario, wire};

/// Something that takes any bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A scenario's file.
    Scenario,
    /// A set of nodes, as people write it.
    Nodes,
    /// A hosts file that is not throng's own.
    Hosts,
    /// A table of mounts.
    Mounts,
    /// A message between coordinator and agent.
    Wire,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Scenario, Self::Nodes, Self::Hosts, Self::Mounts, Self::Wire];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scenario => "scenario",
            Self::Nodes => "nodes",
            Self::Hosts => "hosts",
            Self::Mounts => "mounts",
            Self::Wire => "wire",
        }
    }

    /// The target of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }

    /// Takes the bytes; a panic is a fault of throng's.
    pub fn take(self, bytes: &[u8]) {
        match self {
            Self::Scenario => scenario::take(bytes),
            Self::Nodes => nodes::take(bytes),
            Self::Hosts => hosts::take(bytes),
            Self::Mounts => mounts::take(bytes),
            Self::Wire => wire::take(bytes),
        }
    }
}
