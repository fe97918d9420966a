//! One module a resource; each observes, plans without effects, and applies.

pub mod address;
pub mod cgroup;
pub mod container;
pub mod files;
pub mod image;
pub mod names;
pub mod outcome;
pub mod ports;
pub mod process;
pub mod ramdisk;
pub mod sysctl;
