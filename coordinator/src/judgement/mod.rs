//! Whether a test that failed by lateness may be held against the system under test. Pure.
//!
//! In: when and where it was late, and what the hosts went through meanwhile. Out: INVALID, where somebody else kept the
//! host from its nodes; SUSPECT, where the nodes themselves did; or nothing: the failure stands. Either with one line of
//! evidence that a person can check in the run's report. It never makes a pass of a failure, and what is not known for
//! sure is no excuse: where it cannot be told who made the pressure, the nodes are taken to have.

mod evidence;
mod judge;
mod pressure;
#[cfg(test)]
mod tests;
pub mod thresholds;
mod witness;

pub use judge::{Judgement, is_late_only, judge};
pub use witness::{End, HostWitness, Second, Trouble, TroubleKind, Window, Witness};
