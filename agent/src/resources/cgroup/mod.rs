//! Control groups: limits and figures of process nodes, figures of containers; cgroup v1 and v2.
//!
//! A process node gets `/throng/<cluster>/<node>` in every hierarchy that is of use. Where none can be made the caller
//! gets a typed [`error::CgroupError`] and goes on without; nothing outside `/throng` is ever written.

pub mod cgroups;
pub mod error;
pub mod figures;
pub mod group;
pub mod hierarchy;
pub mod plan;
