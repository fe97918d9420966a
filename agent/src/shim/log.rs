//! Keeping a node's output, bounded: two files, the older of which is dropped when the newer is full.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::sync::{Mutex, PoisonError};

use super::files::ShimFiles;
use super::log_line::{LINE_MAX_BYTES, encode};
use super::record::now_unix_nanos;
use crate::host::engine::model::OutputStream;

/// The two files of a log.
pub struct RotatingLog {
    files: ShimFiles,
    max_bytes: u64,
    file: File,
    written_bytes: u64,
}

impl RotatingLog {
    /// Goes on with the log of that folder.
    pub fn open(files: &ShimFiles, max_bytes: u64) -> io::Result<Self> {
        let file = File::options().append(true).create(true).open(files.log())?;
        let written_bytes = file.metadata()?.len();
        Ok(Self { files: files.clone(), max_bytes, file, written_bytes })
    }

    /// Adds whole lines.
    pub fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.written_bytes > 0 && self.written_bytes + lines.len() as u64 > self.max_bytes {
            match fs::rename(self.files.log(), self.files.old_log()) {
                // It was moved before, and no new one could be begun.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            *self = Self::open(&self.files, self.max_bytes)?;
        }
        self.file.write_all(lines)?;
        self.written_bytes += lines.len() as u64;
        Ok(())
    }
}

/// Reads one output to its end, line by line, into the log. `watch` sees every line first, and may keep it out.
///
/// A log that cannot be written loses lines, but the program is never held up: the reading goes on.
pub fn copy_lines(
    source: impl Read,
    stream: OutputStream,
    log: &Mutex<RotatingLog>,
    mut watch: impl FnMut(&[u8]) -> bool,
) -> io::Result<()> {
    let mut reader = BufReader::new(source);
    let mut piece = Vec::new();
    let mut encoded = Vec::new();
    let mut result = Ok(());
    loop {
        piece.clear();
        let read = (&mut reader).take(LINE_MAX_BYTES as u64).read_until(b'\n', &mut piece)?;
        if read == 0 {
            return result;
        }
        let is_whole = piece.last() == Some(&b'\n');
        if is_whole {
            piece.pop();
        }
        if !watch(&piece) {
            continue;
        }
        encoded.clear();
        let is_cut = !is_whole && read == LINE_MAX_BYTES;
        encode(now_unix_nanos(), stream, is_cut, &piece, &mut encoded);
        let written = log.lock().unwrap_or_else(PoisonError::into_inner).write(&encoded);
        result = result.and(written);
    }
}

#[cfg(test)]
mod tests {
    use super::super::log_line::decode;
    use super::*;

    fn lines(files: &ShimFiles) -> Vec<String> {
        let old = fs::read(files.old_log()).unwrap_or_default();
        let new = fs::read(files.log()).unwrap();
        [old, new].concat().split(|b| *b == b'\n').filter_map(decode).map(|line| line.text).collect()
    }

    #[test]
    fn the_log_keeps_the_last_lines_within_two_bounds() {
        let dir = tempfile::tempdir().unwrap();
        let files = ShimFiles::new(dir.path());
        let log = Mutex::new(RotatingLog::open(&files, 1000).unwrap());
        let text = (0..500).map(|n| format!("line {n}")).collect::<Vec<_>>().join("\n");
        copy_lines(text.as_bytes(), OutputStream::Stdout, &log, |_| true).unwrap();
        let kept = lines(&files);
        assert_eq!(kept.last().unwrap(), "line 499");
        assert!(kept.len() > 20 && kept.windows(2).all(|pair| pair[0] != pair[1]));
        for file in [files.log(), files.old_log()] {
            assert!(fs::metadata(file).unwrap().len() <= 1000);
        }
    }

    #[test]
    fn a_line_without_end_and_one_that_is_too_long_are_kept_in_pieces() {
        let dir = tempfile::tempdir().unwrap();
        let files = ShimFiles::new(dir.path());
        let log = Mutex::new(RotatingLog::open(&files, 1 << 20).unwrap());
        let text = format!("{}\nlast", "x".repeat(LINE_MAX_BYTES + 5));
        copy_lines(text.as_bytes(), OutputStream::Stderr, &log, |_| true).unwrap();
        let lengths: Vec<usize> = lines(&files).iter().map(String::len).collect();
        assert_eq!(lengths, [LINE_MAX_BYTES, 5, 4]);
        assert!(fs::read_to_string(files.log()).unwrap().contains(" e+ x"));
    }
}
