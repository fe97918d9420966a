//! Mounts of this host: what the kernel lists, and the calls that change it.

pub mod mounter;
pub mod namespaces;
pub mod table;
