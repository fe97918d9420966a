//! The campaign: operations and faults drawn from a seed, played one after the other on a live cluster; after each what was
//! broken is healed, and then everything must be as it should be.
//!
//! A step is drawn from the seed and its number alone, so that any of them can be left out: of a sequence that ends in a
//! violation the campaign looks for the shortest one that still does, and prints the command that plays it.
//!
//! [`planted`] plays short sequences of the same steps with a fault of throng's own planted: the checks must find each.

mod command;
mod draw;
mod options;
mod play;
mod player;
mod run;
mod shrink;
mod step;
mod tally;

pub mod planted;

pub use options::Options;
pub use run::run;
