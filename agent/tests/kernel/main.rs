//! Tests against the real kernel of this host. They need root, fail without, and leave nothing behind.
#![expect(clippy::unwrap_used, reason = "a test's helper may panic: that is its way to fail")]

mod audit;
mod cgroup;
mod folders;
mod machine;
mod mount_namespace;
mod names;
mod network;
mod network_namespace;
mod processes;
mod ramdisk;
mod root;
mod starts;
mod two_agents;
