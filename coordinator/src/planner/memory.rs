//! The memory of a host, summed up.

use throng_common::scenario::model::Fleet;
use throng_common::size::ByteSize;

use super::hosts::HostBase;
use super::needs::{ENGINE_MEMORY_EACH, RoleNeeds};
use super::plan::{MemorySum, RoleMemory};

/// Sums up a host with so many nodes of each role.
pub(super) fn sum(host: &HostBase<'_>, fleet: &Fleet, needs: &[RoleNeeds<'_>], counts: &[u32]) -> MemorySum {
    let here = || needs.iter().zip(counts).filter(|(_, count)| **count > 0);
    let roles: Vec<RoleMemory> =
        here().map(|(need, count)| RoleMemory { role: need.name.clone(), count: *count, each: need.memory }).collect();
    let containers = here().filter(|(need, _)| need.is_container()).map(|(_, count)| *count).sum();
    let nodes: ByteSize = roles.iter().map(|role| role.each * u64::from(role.count)).sum();
    let others = host.input.other_memory;
    let reserve = fleet.reserve.memory;
    MemorySum {
        roles,
        containers,
        engine_each: ENGINE_MEMORY_EACH,
        others,
        reserve,
        used: nodes + ENGINE_MEMORY_EACH * u64::from(containers) + others + reserve,
        total: ByteSize::bytes(host.input.facts.memory_total_bytes),
        overcommit: fleet.memory_overcommit,
    }
}

impl MemorySum {
    /// What is admitted: what the host has, times the overcommit.
    pub fn bound(&self) -> ByteSize {
        admitted(self.total, self.overcommit)
    }

    /// What nodes and the engine's overhead for them take, without the reserve and without other clusters: what this
    /// cluster is promised on the host, and what the next cluster's plan must count.
    pub fn promised(&self) -> ByteSize {
        self.used.saturating_sub(self.others).saturating_sub(self.reserve)
    }
}

/// Memory that nodes and their engine overhead may have on a host.
pub(super) fn available(host: &HostBase<'_>, fleet: &Fleet) -> ByteSize {
    let total = ByteSize::bytes(host.input.facts.memory_total_bytes);
    admitted(total, fleet.memory_overcommit)
        .saturating_sub(fleet.reserve.memory)
        .saturating_sub(host.input.other_memory)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "memory is far below 2^53 bytes, and the factor is not negative"
)]
fn admitted(total: ByteSize, overcommit: f64) -> ByteSize {
    if (overcommit - 1.0).abs() < f64::EPSILON {
        return total;
    }
    ByteSize::bytes((total.as_bytes() as f64 * overcommit.max(0.0)) as u64)
}
