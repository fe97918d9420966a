//! Files that the kernel makes up as they are read, in /proc and in control groups: hundreds of them again and again.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// More than nearly all of them hold.
const AT_ONCE_BYTES: usize = 8192;

/// Reads such a file. None says its size, so none is asked for it, as a file on disk would be: that is one call of the
/// kernel in five.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut all = Vec::new();
    let mut part = [0; AT_ONCE_BYTES];
    loop {
        match file.read(&mut part) {
            Ok(0) => return Ok(all),
            Ok(count) => all.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The same, of text; what is not UTF-8 is replaced.
pub fn read_text(path: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&read(path)?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_whatever_its_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for length in [0, 1, AT_ONCE_BYTES, 3 * AT_ONCE_BYTES + 1] {
            std::fs::write(&path, vec![b'x'; length]).unwrap();
            assert_eq!(read(&path).unwrap().len(), length);
        }
        assert!(read_text(Path::new("/proc/self/status")).unwrap().contains("Threads:"));
        assert_eq!(read(&folder.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
