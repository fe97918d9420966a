//! Removing a folder with all that is in it, but never what is mounted in it.

use std::fs;
use std::io;
use std::path::Path;

use super::error::FilesError;
use crate::host::mounts::table::read_table;

/// Removes a folder and all below it; one that is not there is removed already.
///
/// Refused where something is mounted at or below it: emptying a mount is not removing a folder. Links are removed and
/// not followed, also where they are swapped in meanwhile (std opens every folder relative to its parent).
pub fn remove(path: &Path) -> Result<(), FilesError> {
    let failed = |source| FilesError::Remove { path: path.to_path_buf(), source };
    // The thread's own table: it is what the removal would go through.
    let table = read_table(Path::new("/proc"), "thread-self").map_err(failed)?;
    if let Some(entry) = table.into_iter().find(|entry| entry.mount_point.starts_with(path)) {
        return Err(FilesError::Mounted { path: path.to_path_buf(), mount: entry.mount_point });
    }
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_folder_goes_and_what_its_links_point_to_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder.path().join("in"), folder.path().join("out"));
        fs::create_dir_all(inside.join("a/b")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), "x").unwrap();
        symlink(&outside, inside.join("a/link")).unwrap();
        remove(&inside).unwrap();
        remove(&inside).unwrap();
        assert!(!inside.exists() && outside.join("kept").exists());
    }

    #[test]
    fn a_folder_with_a_mount_in_it_is_refused_by_name() {
        let error = remove(Path::new("/dev")).unwrap_err();
        assert!(matches!(error, FilesError::Mounted { .. }), "{error}");
    }
}
