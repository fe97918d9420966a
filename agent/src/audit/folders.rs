//! Folders of clusters below the run and the state directory.

use std::fs;
use std::path::Path;

use throng_common::ids::ClusterId;
use throng_common::status::{AuditScope, Residue, ResidueKind};

use super::scope::counts;
use crate::paths::Paths;

/// Clusters' folders that count.
pub fn residues(scope: &AuditScope, paths: &Paths) -> Vec<Residue> {
    let roots = [paths.run_dir().to_path_buf(), paths.disk_root()];
    roots.iter().flat_map(|root| below(scope, root)).collect()
}

fn below(scope: &AuditScope, root: &Path) -> Vec<Residue> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let clusters = folders.filter_map(|entry| ClusterId::new(entry.file_name().to_str()?).ok());
    let mut left: Vec<_> = clusters.filter(|cluster| counts(scope, Some(cluster))).collect();
    left.sort();
    let residue = |cluster: ClusterId| {
        let path = root.join(cluster.as_str()).display().to_string();
        let remedy = format!("sudo rm -r --one-file-system '{path}'");
        Residue { kind: ResidueKind::Directory, cluster: Some(cluster), subject: path, remedy }
    };
    left.into_iter().map(residue).collect()
}
