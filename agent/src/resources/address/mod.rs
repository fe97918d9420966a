//! An address for the nodes of a host: one that is there, or one of 198.18.0.0/15 that throng adds to `lo` and removes.
//!
//! 127.0.0.0/8 needs nothing: all of it is there.

pub mod apply;
pub mod plan;
