//! A process node's log files, read and followed over their rotation.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::host::engine::model::RawLogLine;
use crate::shim::files::ShimFiles;
use crate::shim::log_line::decode;

/// Most bytes read at one look: two whole files of a log.
const LOOK_MAX_BYTES: u64 = 8 * 1024 * 1024;

/// A reader of one node's log that remembers how far it is.
pub(crate) struct ShimLog {
    files: ShimFiles,
    current: Option<File>,
    pending: Vec<u8>,
}

impl ShimLog {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { files: ShimFiles::new(dir), current: None, pending: Vec::new() }
    }

    /// The lines that were written since the last look; at the first look all that are kept.
    ///
    /// A log that was rotated twice between two looks has lost lines. Blocks for as long as the reads take.
    pub(crate) fn look(&mut self) -> io::Result<Vec<RawLogLine>> {
        let mut lines = Vec::new();
        let newest = open(&self.files.log())?;
        match self.current.take() {
            None => {
                if let Some(old) = open(&self.files.old_log())? {
                    self.read(&old, &mut lines)?;
                }
            }
            Some(current) => {
                self.read(&current, &mut lines)?;
                let is_same = match &newest {
                    Some(newest) => inode(newest)? == inode(&current)?,
                    None => true,
                };
                if is_same {
                    self.current = Some(current);
                    return Ok(lines);
                }
            }
        }
        if let Some(newest) = newest {
            self.read(&newest, &mut lines)?;
            self.current = Some(newest);
        }
        Ok(lines)
    }

    fn read(&mut self, file: &File, lines: &mut Vec<RawLogLine>) -> io::Result<()> {
        file.take(LOOK_MAX_BYTES).read_to_end(&mut self.pending)?;
        let end = self.pending.iter().rposition(|byte| *byte == b'\n').map_or(0, |position| position + 1);
        lines.extend(self.pending[..end].split(|byte| *byte == b'\n').filter_map(decode));
        self.pending.drain(..end);
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn inode(file: &File) -> io::Result<u64> {
    Ok(file.metadata()?.ino())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::host::engine::model::OutputStream;
    use crate::shim::log::{RotatingLog, copy_lines};

    #[test]
    fn a_log_is_followed_over_its_rotation_without_loss_or_repetition() {
        let dir = tempfile::tempdir().unwrap();
        let log = Mutex::new(RotatingLog::open(&ShimFiles::new(dir.path()), 400).unwrap());
        let mut reader = ShimLog::new(dir.path());
        let mut seen = Vec::new();
        for number in 0..100 {
            let text = format!("line {number}\n");
            copy_lines(text.as_bytes(), OutputStream::Stdout, &log, |_| true).unwrap();
            if number % 7 == 0 {
                seen.extend(reader.look().unwrap().into_iter().map(|line| line.text));
            }
        }
        seen.extend(reader.look().unwrap().into_iter().map(|line| line.text));
        let expected: Vec<String> = (0..100).map(|number| format!("line {number}")).collect();
        assert_eq!(seen, expected);
    }
}
