//! The mount tables of every mount namespace: what the host no longer shows can live on in a container.

use std::collections::BTreeSet;
use std::io;

use super::table::{MountEntry, read_table};
use crate::host::procs::table::Procs;

/// The mounts of one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceTable {
    /// The namespace, `mnt:[4026531840]`.
    pub namespace: String,
    /// A process that lies in it.
    pub pid: u32,
    /// Its mounts.
    pub mounts: Vec<MountEntry>,
}

/// Reads one table a mount namespace that has a process. Needs root for others' processes; one that ends meanwhile is
/// passed over, and its namespace is read through the next.
pub fn all_tables(procs: &Procs) -> io::Result<Vec<NamespaceTable>> {
    let mut seen = BTreeSet::new();
    let mut tables = Vec::new();
    for pid in procs.pids()? {
        let Ok(namespace) = procs.namespace(pid, "mnt") else { continue };
        if seen.contains(&namespace) {
            continue;
        }
        let Ok(mounts) = read_table(procs.root(), &pid.to_string()) else { continue };
        // A zombie's table is empty: its namespace may have another, living process.
        if !mounts.is_empty() {
            seen.insert(namespace.clone());
            tables.push(NamespaceTable { namespace, pid, mounts });
        }
    }
    Ok(tables)
}
