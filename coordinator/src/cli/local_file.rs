//! A file of the caller's that is there as a whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A file that is being written. Dropped before [`keep`](Self::keep), it leaves what was there as it was.
#[derive(Debug)]
pub(super) struct LocalFile {
    file: File,
    /// Where it is written and where it belongs; none for what is no regular file, such as `/dev/null` or a pipe.
    unfinished: Option<(PathBuf, PathBuf)>,
}

impl LocalFile {
    /// Begins it beside its place, under a name of its own. A link is followed, and stays one.
    pub(super) fn begin(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path).ok();
        if found.as_ref().is_some_and(|found| !found.is_file()) {
            return Ok(Self { file: File::options().write(true).open(path)?, unfinished: None });
        }
        let place = if found.is_some() { fs::canonicalize(path)? } else { path.to_owned() };
        let unfinished = place.with_added_extension(format!("{}.part", std::process::id()));
        let file = File::options().write(true).create_new(true).open(&unfinished)?;
        let begun = Self { file, unfinished: Some((unfinished, place)) };
        if let Some(found) = found {
            begun.file.set_permissions(found.permissions())?;
        }
        Ok(begun)
    }

    /// Adds to it.
    pub(super) fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Puts it in its place: it is whole.
    pub(super) fn keep(mut self) -> io::Result<()> {
        if let Some((unfinished, place)) = &self.unfinished {
            fs::rename(unfinished, place)?;
        }
        self.unfinished = None;
        Ok(())
    }
}

impl Drop for LocalFile {
    fn drop(&mut self) {
        if let Some((unfinished, _)) = &self.unfinished {
            // Nobody is left to tell; the name says what it is.
            let _ = fs::remove_file(unfinished);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn what_is_not_finished_leaves_nothing_and_takes_nothing_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump");
        LocalFile::begin(&path).unwrap().add(b"half").unwrap();
        assert!(names(folder.path()).is_empty());
        fs::write(&path, "old").unwrap();
        LocalFile::begin(&path).unwrap().add(b"half").unwrap();
        assert_eq!((fs::read(&path).unwrap(), names(folder.path())), (b"old".to_vec(), vec!["dump".to_owned()]));
    }

    #[test]
    fn a_link_and_the_permissions_of_what_is_replaced_stay() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("dump"), folder.path().join("link"));
        fs::write(&path, "a longer one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("dump", &link).unwrap();
        let mut file = LocalFile::begin(&link).unwrap();
        file.add(b"new").unwrap();
        file.keep().unwrap();
        assert!(link.is_symlink() && !path.is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn what_is_no_regular_file_is_written_to_and_not_replaced() {
        let mut file = LocalFile::begin(Path::new("/dev/null")).unwrap();
        assert!(file.unfinished.is_none());
        file.add(b"gone").unwrap();
        file.keep().unwrap();
    }
}
