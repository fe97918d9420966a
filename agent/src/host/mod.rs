//! The real host behind narrow traits.

pub mod engine;
pub mod machine_lock;
pub mod mounts;
pub mod open_files;
pub mod procs;
