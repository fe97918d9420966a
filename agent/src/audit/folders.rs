//! Folders of clusters below the run and the state directory.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use throng_common::ids::ClusterId;
use throng_common::status::{AuditScope, Residue, ResidueKind};

use super::scope::counts;

/// Clusters' folders in this one that count. A folder that is not there holds none.
pub fn residues(scope: &AuditScope, root: &Path) -> io::Result<Vec<Residue>> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>()?,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let folders = entries.into_iter().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let clusters = folders.filter_map(|entry| ClusterId::new(entry.file_name().to_str()?).ok());
    let mut left: Vec<_> = clusters.filter(|cluster| counts(scope, Some(cluster))).collect();
    left.sort();
    let residue = |cluster: ClusterId| {
        let path = root.join(cluster.as_str()).display().to_string();
        let remedy = format!("sudo rm -r --one-file-system '{path}'");
        Residue { kind: ResidueKind::Directory, cluster: Some(cluster), subject: path, remedy }
    };
    Ok(left.into_iter().map(residue).collect())
}
