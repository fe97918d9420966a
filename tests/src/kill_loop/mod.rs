//! The kill loop: a live cluster, and in every round one daemon (or the other one, or both) killed when one comes by one named
//! point of one operation.
//!
//! A round is drawn from the seed and its number alone, so that each can be run again. Whatever died, the operation must
//! come to its end, untouched nodes must be the processes that they were, and every [`crate::invariants`] must hold.

mod draw;
mod options;
pub(crate) mod reach;
mod round;
mod run;
mod tally;
mod work;

pub use options::Options;
pub use run::run;
