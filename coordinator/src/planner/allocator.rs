//! Gives nodes of one host their ports: the lowest block that is free, derived ports included.

use throng_common::ports::PortSet;

use super::layout::{PORT_LAST, PortLayout};

/// Which ports of a host are still free.
#[derive(Debug, Clone)]
pub(super) struct Allocator {
    /// By port: whether a block may lie there. Ports only ever leave.
    pool: Vec<bool>,
    /// By port: whether anybody has it.
    taken: Vec<bool>,
    /// By role: below this no block of it fits any more, since ports are never given back.
    cursors: Vec<u32>,
}

/// A port as a place in a table.
fn place(port: u32) -> usize {
    usize::try_from(port).expect("a port is a small number")
}

impl Allocator {
    /// Blocks lie in `pool`; `taken` is nobody's to give; `roles` is how many layouts there are.
    pub(super) fn new(pool: &PortSet, taken: &PortSet, roles: usize) -> Self {
        let table = |set: &PortSet| {
            let mut table = vec![false; place(PORT_LAST) + 1];
            for port in set.iter() {
                table[usize::from(port)] = true;
            }
            table
        };
        Self { pool: table(pool), taken: table(taken), cursors: vec![1; roles] }
    }

    /// Takes ports that a node has had before.
    pub(super) fn claim(&mut self, ports: &PortSet) {
        for port in ports.iter() {
            self.taken[usize::from(port)] = true;
        }
    }

    /// Takes the lowest block for a node of this role and gives its first port; none where there is no room.
    pub(super) fn allocate(&mut self, role: usize, layout: &PortLayout) -> Option<u32> {
        if layout.block == 0 {
            return Some(1);
        }
        let mut first = self.cursors[role];
        while first + layout.block - 1 <= PORT_LAST {
            if let Some(next) = self.obstacle(first, layout) {
                first = next;
                continue;
            }
            for offset in layout.direct().chain(layout.derived()) {
                self.taken[place(first + offset)] = true;
            }
            self.cursors[role] = first + layout.block;
            return Some(first);
        }
        self.cursors[role] = first;
        None
    }

    /// Where to look next, if the node does not fit at `first`.
    fn obstacle(&self, first: u32, layout: &PortLayout) -> Option<u32> {
        let blocked = |port: &u32| !self.pool[place(*port)] || self.taken[place(*port)];
        if let Some(port) = layout.direct().rev().map(|offset| first + offset).find(blocked) {
            return Some(port + 1);
        }
        let outside = |port: u32| port > PORT_LAST || self.taken[place(port)];
        layout.derived().any(|offset| outside(first + offset)).then_some(first + 1)
    }
}
