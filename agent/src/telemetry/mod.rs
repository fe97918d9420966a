//! Samples of the host and of its nodes, cheap enough to be taken every second of a run and every 15 s when idle.
//!
//! Nothing is enumerated: paths are found once, and each figure costs one small file.

pub mod host;
pub mod look;
pub mod node;
pub mod parties;
pub mod ticker;
