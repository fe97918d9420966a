//! The real host behind narrow traits.

pub mod engine;
pub mod mounts;
pub mod procs;
