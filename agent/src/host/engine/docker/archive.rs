//! One file out of a container that need not run: the engine sends it as a tar archive of one entry.

use std::collections::VecDeque;

use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use futures_util::StreamExt as _;

use super::client::{Ask, CHANGE_DEADLINE, DockerEngine};
use crate::host::engine::error::{EngineError, EngineResult};
use crate::host::engine::model::{ContainerId, FileContents, FileSlice};

/// Size of a tar block, and of its header.
const BLOCK_BYTES: usize = 512;
/// Symbolic links followed from one name to a file, as the kernel would at most.
const LINKS_MAX: usize = 40;

/// What a tar archive's first entry is.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    /// A regular file of so many bytes.
    File(u64),
    /// A symbolic link to there.
    Link(String),
    /// Attributes of the next entry, so many bytes of them.
    Attributes(u64),
    /// Something else: a folder, a device.
    Other,
}

impl DockerEngine {
    pub(super) async fn read_archived_file(
        &self,
        id: &ContainerId,
        path: &str,
        slice: FileSlice,
    ) -> EngineResult<FileContents> {
        let mut path = path.to_owned();
        for _ in 0..LINKS_MAX {
            let read = tokio::time::timeout(CHANGE_DEADLINE, self.read_entry(id, &path, slice));
            let ask = Ask { operation: "read a file of container", subject: id.as_str() };
            match read.await.map_err(|_| ask.hung(CHANGE_DEADLINE))?? {
                Ok(contents) => return Ok(contents),
                Err(target) => path = resolve(&path, &target),
            }
        }
        Err(refused(id, format!("{path}: too many symbolic links")))
    }

    /// The file's contents, or where its symbolic link points.
    async fn read_entry(
        &self,
        id: &ContainerId,
        path: &str,
        slice: FileSlice,
    ) -> EngineResult<Result<FileContents, String>> {
        let ask = Ask { operation: "read a file of container", subject: id.as_str() };
        let options = DownloadFromContainerOptionsBuilder::default().path(path).build();
        let mut chunks = Box::pin(self.docker.download_from_container(id.as_str(), Some(options)));
        let mut buffer = Vec::new();
        let mut total = None;
        let mut file = Window::new(slice);
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| ask.failed(error))?;
            if total.is_some() {
                file.add(&chunk);
            } else {
                buffer.extend_from_slice(&chunk);
                match first_entry(&mut buffer).map_err(|what| ask.garbled(what))? {
                    None => {}
                    Some(Entry::File(size)) => {
                        total = Some(size);
                        file.left = size;
                        file.add(&std::mem::take(&mut buffer));
                    }
                    Some(Entry::Link(target)) => return Ok(Err(target)),
                    Some(Entry::Other | Entry::Attributes(_)) => {
                        return Err(refused(id, format!("{path} is not a regular file")));
                    }
                }
            }
            if total.is_some() && file.is_full() {
                break;
            }
        }
        let total_bytes = total.ok_or_else(|| ask.garbled("the archive holds no file"))?;
        Ok(Ok(FileContents { bytes: file.kept.into(), total_bytes }))
    }
}

fn refused(id: &ContainerId, message: String) -> EngineError {
    EngineError::Refused { operation: "read a file of container", subject: id.to_string(), status: None, message }
}

/// Takes the first entry's header, with attributes before it, from the buffer; none if more bytes are needed.
fn first_entry(buffer: &mut Vec<u8>) -> Result<Option<Entry>, &'static str> {
    loop {
        let Some(header) = buffer.get(..BLOCK_BYTES) else { return Ok(None) };
        match parse_header(header)? {
            Entry::Attributes(size) => {
                let padded = usize::try_from(size).map_err(|_| "an entry is too large")?.next_multiple_of(BLOCK_BYTES);
                if buffer.len() < BLOCK_BYTES + padded {
                    return Ok(None);
                }
                buffer.drain(..BLOCK_BYTES + padded);
            }
            entry => {
                buffer.drain(..BLOCK_BYTES);
                return Ok(Some(entry));
            }
        }
    }
}

fn parse_header(header: &[u8]) -> Result<Entry, &'static str> {
    let size = || number(&header[124..136]).ok_or("an entry has no size");
    Ok(match header[156] {
        b'0' | 0 => Entry::File(size()?),
        b'2' => Entry::Link(text(&header[157..257])),
        b'x' | b'g' | b'L' | b'K' => Entry::Attributes(size()?),
        _ => Entry::Other,
    })
}

/// A number in octal or, with the highest bit set, in base 256.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        return Some(field[4..].iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)));
    }
    u64::from_str_radix(text(field).trim(), 8).ok()
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// Where a link at `path` leads.
fn resolve(path: &str, target: &str) -> String {
    if target.starts_with('/') {
        return target.to_owned();
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/{target}")
}

/// The wanted bytes of a file that comes in chunks.
struct Window {
    slice: FileSlice,
    /// Bytes of the file still to come.
    left: u64,
    kept: VecDeque<u8>,
}

impl Window {
    fn new(slice: FileSlice) -> Self {
        Self { slice, left: 0, kept: VecDeque::new() }
    }

    fn max(&self) -> usize {
        usize::try_from(self.slice.max_bytes).unwrap_or(usize::MAX)
    }

    fn add(&mut self, chunk: &[u8]) {
        let of_file = chunk.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= of_file as u64;
        let bytes = &chunk[..of_file];
        if self.slice.tail {
            let excess = (self.kept.len() + bytes.len()).saturating_sub(self.max());
            let from_kept = excess.min(self.kept.len());
            self.kept.drain(..from_kept);
            self.kept.extend(&bytes[excess - from_kept..]);
        } else {
            let room = self.max() - self.kept.len();
            self.kept.extend(&bytes[..bytes.len().min(room)]);
        }
    }

    fn is_full(&self) -> bool {
        self.left == 0 || (!self.slice.tail && self.kept.len() == self.max())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(kind: u8, size: &str, link: &str) -> Vec<u8> {
        let mut block = vec![0; BLOCK_BYTES];
        block[124..124 + size.len()].copy_from_slice(size.as_bytes());
        block[156] = kind;
        block[157..157 + link.len()].copy_from_slice(link.as_bytes());
        block
    }

    #[test]
    fn attributes_before_an_entry_are_skipped() {
        let mut buffer = header(b'x', "00000000005", "");
        buffer.extend([b'a'; BLOCK_BYTES]);
        assert_eq!(first_entry(&mut buffer.clone()), Ok(None));
        buffer.extend(header(b'0', "00000000012", ""));
        assert_eq!(first_entry(&mut buffer), Ok(Some(Entry::File(10))));
        assert!(buffer.is_empty());
    }

    #[test]
    fn links_are_followed_from_where_they_stand() {
        assert_eq!(parse_header(&header(b'2', "0", "../b")), Ok(Entry::Link("../b".to_owned())));
        assert_eq!(resolve("/etc/a", "../b"), "/etc/../b");
        assert_eq!(resolve("/etc/a", "/b"), "/b");
    }

    #[test]
    fn either_end_of_a_file_is_kept_and_padding_is_not() {
        for (tail, kept) in [(false, "abc"), (true, "efg")] {
            let mut window = Window { left: 7, ..Window::new(FileSlice { max_bytes: 3, tail }) };
            window.add(b"abcd");
            window.add(b"efg\0\0\0");
            assert_eq!(Vec::from(window.kept), kept.as_bytes());
        }
    }
}
