//! Writing a small file that only its owner may read, so that a crash leaves the old one or the new one.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Writes the whole file with mode 0600 in the place of what was there. On disk when this returns.
pub fn write_private(path: &Path, contents: &[u8]) -> io::Result<()> {
    let unfinished = path.with_added_extension("new");
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(contents)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
