//! What must hold on a machine whatever died on it, checked against what kernel and engine say.
//!
//! In: an [`Expected`], which the test knows because it asked for it, and an [`Observation`], read without throng's code,
//! its database or its agent. Out: violations. *Invariant:* the comparison is pure, so that each violation can be shown
//! to be found.

mod check;
mod decoys;
mod expected;
mod observation;
mod observe;

pub use check::{Invariant, Violation, foreign_lines, processes_of, violations};
pub use decoys::{Decoys, PORTS as FOREIGN_PORTS};
pub use expected::{Expected, ExpectedCluster, ExpectedNode, Kind};
pub use observation::{ContainerSeen, GroupSeen, MountSeen, Observation, ProcessId, ProcessSeen, ToldNode};
pub use observe::{Scope, observe, settings};
