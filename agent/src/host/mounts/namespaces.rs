//! The mount tables of every mount namespace: what the host no longer shows can live on in a container.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};

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

/// The mount tables of a machine.
#[derive(Debug, Default)]
pub struct Tables {
    /// One a mount namespace that has a process.
    pub read: Vec<NamespaceTable>,
    /// Whether a process may not be looked at, whose namespace may therefore not have been read.
    pub denied: bool,
}

/// Reads one table a mount namespace that has a process. One that ends meanwhile is passed over, and its namespace is
/// read through the next.
pub fn all_tables(procs: &Procs) -> io::Result<Tables> {
    let mut seen = BTreeSet::new();
    let mut tables = Tables::default();
    for pid in procs.pids()? {
        let namespace = match procs.namespace(pid, "mnt") {
            Ok(namespace) => namespace,
            Err(error) => {
                tables.denied |= error.kind() == ErrorKind::PermissionDenied;
                continue;
            }
        };
        if seen.contains(&namespace) {
            continue;
        }
        let Ok(mounts) = read_table(procs.root(), &pid.to_string()) else { continue };
        // A zombie's table is empty: its namespace may have another, living process.
        if !mounts.is_empty() {
            seen.insert(namespace.clone());
            tables.read.push(NamespaceTable { namespace, pid, mounts });
        }
    }
    Ok(tables)
}
