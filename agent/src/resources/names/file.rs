//! Reading hosts files and rewriting them in place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use throng_failpoints::{Fault, Point, hit, planted};

use super::error::NamesError;
use super::plan::{NamesPlan, Observed, Rewrite, Scope};
use crate::resources::outcome::Outcome;

/// The most that is read of a hosts file: 100,000 lines of ours take less.
const FILE_MAX_BYTES: u64 = 16 << 20;

/// Reads both files of a cluster.
pub fn observe(scope: &Scope) -> Result<Observed, NamesError> {
    Ok(Observed { host_file: read(&scope.host_path)?, cluster_file: read(&scope.cluster_path)? })
}

/// A hosts file's bytes; none where there is none.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, NamesError> {
    let failed = |source| NamesError::Read { path: path.to_path_buf(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    let size_bytes = bytes.len() as u64;
    if size_bytes > FILE_MAX_BYTES {
        return Err(NamesError::TooLarge { path: path.to_path_buf(), size_bytes, max_bytes: FILE_MAX_BYTES });
    }
    Ok(Some(bytes))
}

/// Rewrites the files. Every one is tried.
pub fn apply(plan: NamesPlan) -> Vec<Outcome<Rewrite, NamesError>> {
    let rewrite = |rewrite: &Rewrite| {
        let failed = |source| NamesError::Write { path: rewrite.path.clone(), source };
        rewrite_in_place(&rewrite.path, &rewrite.text).map_err(failed)
    };
    plan.rewrites.into_iter().map(|step| Outcome::of(step, rewrite)).collect()
}

/// Gives a file another text without giving it another inode: what is bind-mounted must not be renamed over.
///
/// One write, padded with empty lines over what is left of a longer old text, then the end is cut: whoever reads
/// meanwhile finds old or new lines, never half of one.
fn rewrite_in_place(path: &Path, text: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o644).open(path)?;
    let text = if planted(Fault::TakeForeignName) { &without_look_alikes(text) } else { text };
    let old_length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX).min(1 << 30);
    let mut padded = text.to_vec();
    padded.resize(old_length.max(text.len()), b'\n');
    file.write_all_at(&padded, 0)?;
    hit(Point::HostsPadded);
    file.set_len(text.len() as u64)?;
    hit(Point::HostsWritten);
    Ok(())
}

/// The text without the lines that tests added as somebody else: what a planted fault drops.
fn without_look_alikes(text: &[u8]) -> Vec<u8> {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| !line.starts_with(b"192.0.2.7 foreign-")).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_file_keeps_its_inode_and_gets_just_the_new_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/hosts");
        rewrite_in_place(&path, b"127.0.0.1 a-long-line\n127.0.0.2 another\n").unwrap();
        let inode = fs::metadata(&path).unwrap().ino();
        for text in ["127.0.0.1 b\n", "", "127.0.0.1 c\n127.0.0.2 d\n"] {
            rewrite_in_place(&path, text.as_bytes()).unwrap();
            assert_eq!(
                (fs::read_to_string(&path).unwrap().as_str(), fs::metadata(&path).unwrap().ino()),
                (text, inode)
            );
        }
    }

    #[test]
    fn a_reader_never_misses_a_name_that_is_in_the_old_and_the_new_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        let text = |extra: usize| -> Vec<u8> {
            let more = "127.84.1.1\tworker-9999\n".repeat(extra);
            format!("127.84.0.1\tworker-0000\n{more}").into_bytes()
        };
        rewrite_in_place(&path, &text(50)).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for round in 0..300 {
                    rewrite_in_place(&path, &text(round % 60)).unwrap();
                }
            });
            while !writer.is_finished() {
                let seen = String::from_utf8(fs::read(&path).unwrap()).unwrap();
                assert!(seen.starts_with("127.84.0.1\tworker-0000\n"), "{seen}");
            }
        });
    }
}
