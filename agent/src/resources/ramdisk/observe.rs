//! What is mounted at and below a folder.

use std::path::Path;

use super::error::RamdiskError;
use crate::host::mounts::mounter::Mounter;
use crate::host::mounts::namespaces::all_tables;
use crate::host::mounts::table::{Device, MountEntry};
use crate::host::procs::table::Procs;

/// The mounts at and below `scope` (a node's folder, or a cluster's), in the order in which they were mounted.
pub fn observe(mounter: &dyn Mounter, scope: &Path) -> Result<Vec<MountEntry>, RamdiskError> {
    let table = mounter.table().map_err(|source| RamdiskError::Table { whose: "this host".to_owned(), source })?;
    Ok(table.into_iter().filter(|entry| entry.mount_point.starts_with(scope)).collect())
}

/// A ramdisk whose pages may still be there, although it was unmounted.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Leak {
    /// Its source.
    pub source: String,
    /// Its device.
    pub device: Device,
}

/// Those leaks that some mount namespace still shows: a process in it holds the pages. The others are over.
pub fn still_leaking(procs: &Procs, leaks: Vec<Leak>) -> Result<Vec<Leak>, RamdiskError> {
    if leaks.is_empty() {
        return Ok(leaks);
    }
    let whose = "all processes".to_owned();
    let tables = all_tables(procs).map_err(|source| RamdiskError::Table { whose, source })?;
    let shown = |leak: &Leak| {
        let mut mounts = tables.iter().flat_map(|table| &table.mounts);
        mounts.any(|entry| entry.source == leak.source && entry.device == leak.device)
    };
    Ok(leaks.into_iter().filter(shown).collect())
}
