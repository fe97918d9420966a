//! What the kill loop, the campaign and the planted faults play on: a throng with a cluster that stays and one that comes
//! and goes, decoys beside them, and one question: is everything as it should be?
//!
//! In: a [`Wanted`], which whoever plays knows. Out: what is not so, by [`crate::invariants`] and by throng's own words.

mod clean;
mod clusters;
mod command;
pub(crate) mod daemons;
mod rest;
pub(crate) mod said;
mod told;
mod wanted;

pub(crate) use clean::remove_leftovers;
pub(crate) use clusters::{Farm, SIDE_SETTINGS, WORKERS};
pub(crate) use command::finish;
pub(crate) use rest::Problem;
pub(crate) use told::address;
pub(crate) use wanted::{SIDE_CHANGE, SIDE_NODES, Wanted};
