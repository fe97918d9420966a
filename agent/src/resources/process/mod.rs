//! Process nodes: started through the shim, found again, stopped whole.
//!
//! In: a node's spec and its shim's folder. Out: what the folder says. The folder alone decides what runs, so
//! that an agent that was restarted, or replaced by another build, sees the same. A node that was stopped has no process
//! left anywhere, or its stop has failed.

pub mod error;
pub mod observe;
pub mod plan;
pub mod start;
pub mod stop;
