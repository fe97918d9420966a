//! Whether a ramdisk is really there: on the host before a start, in the node's own mount table after it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::stat::{major, minor};
use nix::sys::statfs::{TMPFS_MAGIC, statfs};

use super::desired::DesiredRamdisk;
use super::error::RamdiskError;
use super::observe::root_of;
use crate::host::mounts::table::{Device, read_table};
use crate::host::procs::table::Procs;

/// Checks that a tmpfs of the asked size, owner and permissions is mounted at the path; gives its device. Reads the file
/// system itself, not the mount table.
pub fn verify(ramdisk: &DesiredRamdisk) -> Result<Device, RamdiskError> {
    let path = &ramdisk.path;
    let not_mounted = |found: String| RamdiskError::NotMounted { path: path.clone(), found };
    let stat = statfs(path.as_path()).map_err(|error| not_mounted(error.to_string()))?;
    if stat.filesystem_type() != TMPFS_MAGIC {
        return Err(not_mounted(format!("file system type {:#x}", stat.filesystem_type().0)));
    }
    let device = device_of(path).map_err(|error| not_mounted(error.to_string()))?;
    // The run directory is a tmpfs itself: a plain folder in it has its parent's device.
    let parent = path.parent().unwrap_or(path);
    if device_of(parent).is_ok_and(|above| above == device) {
        return Err(not_mounted("a plain folder".to_owned()));
    }
    // A kernel with larger pages than usual rounds up to its own.
    let page_bytes = block_bytes(stat.block_size());
    let (actual_bytes, wanted_bytes) = (stat.blocks() * page_bytes, ramdisk.size_bytes);
    if actual_bytes != wanted_bytes.next_multiple_of(page_bytes.max(1)) {
        return Err(RamdiskError::Size { path: path.clone(), actual_bytes, wanted_bytes });
    }
    let actual = root_of(path).map_err(|error| not_mounted(error.to_string()))?;
    if actual != ramdisk.root() {
        return Err(RamdiskError::Root { path: path.clone(), actual, wanted: ramdisk.root() });
    }
    Ok(device)
}

/// Checks that a process sees, at its own `path`, the very tmpfs with this device.
pub fn verify_in_process(procs: &Procs, pid: u32, path: &Path, device: Device) -> Result<(), RamdiskError> {
    let whose = format!("process {pid}");
    let table = read_table(procs.root(), &pid.to_string()).map_err(|source| RamdiskError::Table { whose, source })?;
    let found = match table.iter().rev().find(|entry| entry.mount_point == path) {
        Some(entry) if entry.fs_type == "tmpfs" && entry.device == device => return Ok(()),
        Some(entry) => format!("{} `{}` with device {}", entry.fs_type, entry.source, entry.device),
        None => "no mount".to_owned(),
    };
    Err(RamdiskError::NotSeen { pid, path: path.to_path_buf(), device, found })
}

/// The bytes in use on the file system at the path; for a ramdisk the pages that its node filled.
pub fn used_bytes(path: &Path) -> nix::Result<u64> {
    let stat = statfs(path)?;
    Ok(stat.blocks().saturating_sub(stat.blocks_free()) * block_bytes(stat.block_size()))
}

/// What a ramdisk at the path has no more of; none where there is room.
pub fn lacks(path: &Path) -> Option<Lack> {
    let stat = statfs(path).ok().filter(|stat| stat.filesystem_type() == TMPFS_MAGIC)?;
    match (stat.blocks(), stat.blocks_free(), stat.files(), stat.files_free()) {
        (1.., 0, ..) => Some(Lack::Room),
        (_, _, 1.., 0) => Some(Lack::Inodes),
        _ => None,
    }
}

/// What a full ramdisk has no more of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// Pages.
    Room,
    /// Files.
    Inodes,
}

fn block_bytes(size: impl TryInto<u64>) -> u64 {
    size.try_into().unwrap_or_default()
}

/// The device of what a path leads to.
pub fn device_of(path: &Path) -> std::io::Result<Device> {
    let number = fs::metadata(path)?.dev();
    let part = |part: u64| u32::try_from(part).unwrap_or(u32::MAX);
    Ok(Device { major: part(major(number)), minor: part(minor(number)) })
}
