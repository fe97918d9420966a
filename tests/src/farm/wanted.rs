//! What should be there, by what was asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::clusters::WORKERS;

/// What should be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Workers of the first cluster.
    pub(crate) workers: u32,
    /// Whether the second cluster is up.
    pub(crate) side: bool,
    /// Nodes that may be other processes than before.
    pub(crate) touched: BTreeSet<String>,
    /// Kernel settings that somebody else gave a value of their own.
    pub(crate) foreign_settings: BTreeMap<String, String>,
}

impl Default for Wanted {
    /// What there is at the beginning, untouched.
    fn default() -> Self {
        Self { workers: WORKERS, side: false, touched: BTreeSet::new(), foreign_settings: BTreeMap::new() }
    }
}

impl Wanted {
    /// So many nodes of the first cluster.
    pub(crate) fn nodes(&self) -> usize {
        5 + usize::try_from(self.workers).expect("workers are few")
    }
}

/// The nodes of the second cluster.
pub(crate) const SIDE_NODES: [&str; 5] = ["solo-0000", "solo-0001", "pair-0000", "pair-0001", "pair-0002"];
/// What the second cluster's other scenario has: the pair is made anew, the others are only to be stopped in another way.
pub(crate) const SIDE_CHANGE: [&str; 4] = ["--set", "role.pair.env.CHANGED=yes", "--set", "role.solo.stop.grace=3s"];
