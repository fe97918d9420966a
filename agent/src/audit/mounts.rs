//! Mounts of ours in any mount namespace.

use std::collections::BTreeSet;
use std::path::Path;

use throng_common::ids::ClusterId;
use throng_common::status::{AuditScope, Residue, ResidueKind};

use super::scope::{counts, first_part};
use crate::host::mounts::namespaces::NamespaceTable;
use crate::host::mounts::table::MountEntry;
use crate::resources::ramdisk::desired::SOURCE_PREFIX;

/// The mounts that count: a tmpfs with our source, anywhere, and whatever is mounted below the run directory in the
/// host's own namespace (`own`), where the agent's process lies.
pub fn residues(scope: &AuditScope, run_dir: &Path, own: &str, tables: &[NamespaceTable]) -> Vec<Residue> {
    let mut found = Vec::new();
    for table in tables {
        let in_own = table.namespace == own;
        for entry in &table.mounts {
            let cluster = match owner(entry, run_dir, in_own) {
                Owner::Other => continue,
                Owner::Throng => None,
                Owner::Cluster(cluster) => Some(cluster),
            };
            if counts(scope, cluster.as_ref()) {
                found.push(residue(entry, cluster, table, in_own));
            }
        }
    }
    found
}

/// The mounts of these clusters in a mount table of the host's own namespace, the last mounted first: so each can be
/// taken away in its turn.
pub fn of_clusters<'t>(
    clusters: &BTreeSet<ClusterId>,
    run_dir: &Path,
    table: &'t [MountEntry],
) -> Vec<(&'t MountEntry, ClusterId)> {
    let whose = |entry: &'t MountEntry| match owner(entry, run_dir, true) {
        Owner::Cluster(cluster) if clusters.contains(&cluster) => Some((entry, cluster)),
        Owner::Cluster(_) | Owner::Throng | Owner::Other => None,
    };
    table.iter().rev().filter_map(whose).collect()
}

/// Whose a mount is.
enum Owner {
    /// Not ours.
    Other,
    /// Ours, of no cluster that can be told.
    Throng,
    /// A cluster's.
    Cluster(ClusterId),
}

fn owner(entry: &MountEntry, run_dir: &Path, in_own: bool) -> Owner {
    let of = |text: &str| first_part(text).map_or(Owner::Throng, Owner::Cluster);
    if entry.fs_type == "tmpfs"
        && let Some(rest) = entry.source.strip_prefix(SOURCE_PREFIX)
    {
        return of(rest);
    }
    match entry.mount_point.strip_prefix(run_dir) {
        // The run directory may be a mount of its own, made by whoever set the machine up.
        Ok(below) if in_own && below.components().next().is_some() => of(&below.to_string_lossy()),
        Ok(_) | Err(_) => Owner::Other,
    }
}

fn residue(entry: &MountEntry, cluster: Option<ClusterId>, table: &NamespaceTable, in_own: bool) -> Residue {
    let (path, pid) = (entry.mount_point.display(), table.pid);
    let what = format!("{} `{}` at {path}", entry.fs_type, entry.source);
    let (subject, remedy) = if in_own {
        (what, format!("sudo umount '{path}'"))
    } else {
        let subject = format!("{what}, in the mount namespace of process {pid}");
        (subject, format!("end process {pid} (ps -o pid,args -p {pid}), or sudo nsenter -t {pid} -m umount '{path}'"))
    };
    Residue { kind: ResidueKind::Mount, cluster, subject, remedy }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::mounts::table::parse_table;

    const HOST: &str = "\
50 27 0:50 / /run/throng/a-1/worker-0001/ramdisk/data rw - tmpfs throng:a-1/worker-0001/data rw,size=8k
51 27 0:51 / /tmp/decoy rw - tmpfs throngling:a-1/worker-0001/data rw
52 27 0:52 / /tmp/other rw - tmpfs tmpfs rw
53 27 0:53 / /run/throng/a-1/worker-0001/ramdisk/more rw - tmpfs tmpfs rw
54 27 0:54 / /run/throngling/a-1/x rw - tmpfs tmpfs rw
55 27 0:55 / /run/throng rw - tmpfs tmpfs rw
56 27 0:56 / /mnt/b rw - ext4 throng:a-1/x rw
57 27 0:57 / /run/throng/b-2/worker-0001/ramdisk/data rw - tmpfs throng:b-2/worker-0001/data rw
";
    const CONTAINER: &str = "\
90 80 0:50 / /data rw - tmpfs throng:a-1/worker-0001/data rw,size=8k
91 80 0:91 / /run/throng/a-1/scratch rw - tmpfs tmpfs rw
";

    fn tables() -> Vec<NamespaceTable> {
        let table = |namespace: &str, pid, text: &str| NamespaceTable {
            namespace: namespace.to_owned(),
            pid,
            mounts: parse_table(text.as_bytes()),
        };
        vec![table("mnt:[1]", 1, HOST), table("mnt:[2]", 77, CONTAINER)]
    }

    #[test]
    fn our_mounts_are_found_in_every_namespace_and_look_alikes_are_not() {
        let id = ClusterId::new("a-1").unwrap();
        let scope = AuditScope { cluster: Some(id.clone()), ..AuditScope::default() };
        let found = residues(&scope, Path::new("/run/throng"), "mnt:[1]", &tables());
        let places: Vec<_> = found.iter().map(|residue| residue.subject.split(" at ").last().unwrap()).collect();
        let expected = [
            "/run/throng/a-1/worker-0001/ramdisk/data",
            "/run/throng/a-1/worker-0001/ramdisk/more",
            "/data, in the mount namespace of process 77",
        ];
        assert_eq!(places, expected);
        assert!(found.iter().all(|residue| residue.cluster.as_ref() == Some(&id) && !residue.remedy.is_empty()));
    }

    #[test]
    fn a_living_clusters_mounts_are_none() {
        let live = vec![ClusterId::new("a-1").unwrap()];
        let scope = AuditScope { live, ..AuditScope::default() };
        let found = residues(&scope, Path::new("/run/throng"), "mnt:[1]", &tables());
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
