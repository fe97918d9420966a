//! What a run leaves: one report as JSON, as JUnit XML and as text for people, with its artefacts in one folder.
//!
//! In: what the run came to. Out: files, or text. A report is written once, whole; nothing here decides a verdict of a
//! test, and nothing here asks the cluster.

mod csv;
pub mod folder;
pub mod human;
mod junit;
pub mod load;
pub mod memory;
pub mod model;
pub mod outcome;
mod recorded;
#[cfg(test)]
pub(crate) mod sample;
pub mod trace;
