//! The teardown audit: what of throng is left on this host, read from kernel and engine only.
//!
//! *Invariant:* nothing here reads the ledger. What is ours is told by marks that the kernel keeps: mount sources, mount
//! points, group paths, environment variables, lines of the hosts file. A setting bears no mark: what was changed is noted
//! below the run directory, which ends with the boot as the setting does. Look-alikes are left out; nothing is changed.

pub mod folders;
pub mod mounts;
pub mod processes;
pub mod scan;
pub mod scope;
pub mod settings;
