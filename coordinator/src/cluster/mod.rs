//! The truth about a cluster, in three columns: desired, running, and seen by the system under test.
//!
//! In: the plan and what is wanted (from operations), what agents saw (events), what the system under test says
//! (answers to `seen`). Out: counts, missing nodes by name, and a signal at every change. Never asks anybody itself.

mod live;
mod membership;
#[cfg(test)]
pub(crate) mod sample;
mod sighting;

pub use live::{ClusterRecord, ClusterState, LiveCluster, Pending, Placed, RoleWanted};
pub(crate) use membership::phase_word;
pub use membership::{Column, RoleMembership, Said, SeenColumn};
pub use sighting::{Directory, Sighting, SightingError, sight};
