//! Ramdisks: a tmpfs a node and name, mounted by the agent, told from others' mounts by its source.
//!
//! The caller observes, plans (pure) and applies; it verifies a ramdisk before every start of its node, and once more
//! in the node's own mount table after it. A mount that is not ours is reported and never touched.

pub mod apply;
pub mod desired;
pub mod error;
pub mod observe;
pub mod plan;
pub mod verify;
