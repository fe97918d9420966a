//! Reading nodes' logs, many at a time, as one stream; and files out of nodes.
//!
//! In: nodes with where they run, and which lines are wanted. Out: lines, each with its node, and for every node that
//! could not be read an entry that says so. What is sent is bounded; a line that says how much was left out stands for
//! the rest.

pub mod file;
pub mod followers;
pub mod query;
pub mod read;
mod select;
pub(crate) mod shim_log;
