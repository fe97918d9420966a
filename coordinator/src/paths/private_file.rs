//! Writing a small file that only its owner may read, so that a crash leaves the old one or the new one.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Writes the whole file with mode 0600 in the place of what was there. On disk when this returns.
pub fn write_private(path: &Path, contents: &[u8]) -> io::Result<()> {
    let unfinished = path.with_added_extension("new");
    // One that is there was left by a crash, or is somebody's way to read what comes.
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(contents)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn whatever_was_there_only_the_owner_reads_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (folder.path().join("key"), folder.path().join("elsewhere"));
        let is_private = || fs::metadata(&path).unwrap().permissions().mode() & 0o777 == 0o600;
        for (place, mode) in [(&path, 0o644), (&folder.path().join("key.new"), 0o666)] {
            fs::write(place, "former").unwrap();
            fs::set_permissions(place, fs::Permissions::from_mode(mode)).unwrap();
        }
        write_private(&path, b"one").unwrap();
        assert!(fs::read(&path).unwrap() == b"one" && is_private());
        fs::write(&elsewhere, "somebody's").unwrap();
        fs::remove_file(&path).unwrap();
        symlink(&elsewhere, &path).unwrap();
        write_private(&path, b"two").unwrap();
        assert!(fs::read(&path).unwrap() == b"two" && is_private());
        assert_eq!(fs::read(&elsewhere).unwrap(), b"somebody's", "a link is not followed");
    }
}
