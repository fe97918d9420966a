//! Names: one hosts file a cluster for its containers, and a marked block in the host's own for its processes.
//!
//! Both are rewritten in place, in one write: they are bind-mounted and read at any time.

pub mod block;
pub mod error;
pub mod file;
pub mod plan;
pub mod text;
