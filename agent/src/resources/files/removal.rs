//! Removing a folder with all that is in it, but never what is mounted in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};

use super::error::FilesError;
use crate::host::mounts::table::read_table;

/// Removes a folder and all below it; one that is not there is removed already.
///
/// Refused where something is mounted at or below it: emptying a mount is not removing a folder. Links are removed and
/// not followed, also where they are swapped in meanwhile (std opens every folder relative to its parent).
pub fn remove(path: &Path) -> Result<(), FilesError> {
    let failed = |source| FilesError::Remove { path: path.to_path_buf(), source };
    if fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(());
    }
    // Folders that go meanwhile cannot be asked: then the table is.
    let mounted = mounted_by_folders(path).or_else(|_| mounted_by_table(path)).map_err(failed)?;
    if let Some(mount) = mounted {
        return Err(FilesError::Mounted { path: path.to_path_buf(), mount });
    }
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A folder at or below the path on which something is mounted. The folders themselves are asked, of which there are
/// few: the mount table is as long as there are nodes. Not every kernel (from 5.8 on) and file system can say so.
fn mounted_by_folders(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut open = vec![path.to_path_buf()];
    while let Some(folder) = open.pop() {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        let stat = statx(CWD, &folder, flags, StatxFlags::TYPE)?;
        if !stat.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        if stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
            return Ok(Some(folder));
        }
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            }
        }
    }
    Ok(None)
}

/// The same by the thread's own mount table: it is what the removal would go through.
fn mounted_by_table(path: &Path) -> io::Result<Option<PathBuf>> {
    let table = read_table(Path::new("/proc"), "thread-self")?;
    Ok(table.into_iter().map(|entry| entry.mount_point).find(|point| point.starts_with(path)))
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
        // Both ways find one further down, whichever they come by first.
        for find in [mounted_by_folders, mounted_by_table] {
            assert!(find(Path::new("/sys/fs")).unwrap().is_some_and(|mount| mount.starts_with("/sys/fs")));
            assert_eq!(find(Path::new("/proc/self/fdinfo")).unwrap(), None);
        }
    }
}
