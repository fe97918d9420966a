//! What is mounted at and below a folder.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::error::RamdiskError;
use super::plan::is_ours;
use crate::host::mounts::mounter::{Mounter, Root};
use crate::host::mounts::table::MountEntry;

/// The permissions among what the kernel calls a mode.
const PERMISSIONS: u32 = 0o7777;

/// What is mounted at and below a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// All mounts, in the order in which they were mounted.
    pub mounts: Vec<MountEntry>,
    /// What the roots of ours are like, by mount point; none where it cannot be read.
    pub roots: BTreeMap<PathBuf, Root>,
}

/// The mounts at and below `scope`: a node's folder, or a cluster's.
pub fn observe(mounter: &dyn Mounter, scope: &Path) -> Result<Observed, RamdiskError> {
    let mounts = mounter.below(scope);
    let mounts = mounts.map_err(|source| RamdiskError::Table { whose: "this host".to_owned(), source })?;
    let ours = mounts.iter().filter(|entry| is_ours(entry));
    let roots = ours.filter_map(|entry| Some((entry.mount_point.clone(), root_of(&entry.mount_point).ok()?))).collect();
    Ok(Observed { mounts, roots })
}

/// What the root of the file system at the path is like.
pub(super) fn root_of(path: &Path) -> io::Result<Root> {
    let metadata = fs::symlink_metadata(path)?;
    Ok(Root { uid: metadata.uid(), gid: metadata.gid(), mode: metadata.mode() & PERMISSIONS })
}
