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

/// Nodes of the second cluster.
pub(crate) const SIDE_NODES: usize = 5;
