//! Long-running commands: watched to their end, cancelled or left by the operator's keys, summed up.

pub mod begin;
pub mod interrupt;
pub mod session;
pub mod summary;
pub mod watch;
