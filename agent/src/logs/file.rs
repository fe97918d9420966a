//! A file, or a part of it, out of a node.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

use crate::exec::process::{self, Bounds};
use crate::exec::target::{Means, Target, TargetError, kernel};
use crate::host::engine::model::{ExecEnd, ExecOutput, FileContents, FileSlice};
use crate::shim::record::ProcessId;

/// Most bytes of one file that are given, whatever the caller says: they are held in memory. `throng cp` names it, too.
pub const FILE_MAX_BYTES: u64 = 64 * 1024 * 1024;
/// How long reading may take: a file system of the node's may hang.
const READ_DEADLINE: Duration = Duration::from_secs(30);
/// A launcher says how large the file is in so many bytes before its contents.
const LENGTH_BYTES: usize = 8;

/// Reads a regular file of a node. `slice.max_bytes` of 0 stands for [`FILE_MAX_BYTES`], which is never exceeded. A larger
/// file is refused, unless its end is wanted: then its last bytes are given.
///
/// Of a container that runs, the file is looked up as its own processes see it, with its ramdisks; of one that does not
/// run, the engine gives it, without them. Of a process node it is read as the node's user; a relative path begins at
/// the node's working folder.
pub async fn read_file(
    means: &Means,
    target: Option<&Target>,
    path: &str,
    slice: FileSlice,
) -> Result<FileContents, TargetError> {
    let max_bytes = if slice.max_bytes == 0 { FILE_MAX_BYTES } else { slice.max_bytes.min(FILE_MAX_BYTES) };
    if slice.tail {
        return read_slice(means, target, path, FileSlice { max_bytes, ..slice }).await;
    }
    // One byte more tells that a file has grown, or that one of the kernel's is larger than it says.
    let contents = read_slice(means, target, path, FileSlice { max_bytes: max_bytes + 1, ..slice }).await?;
    whole(contents, max_bytes)
}

/// The contents, where nothing of the file is left out.
fn whole(contents: FileContents, max_bytes: u64) -> Result<FileContents, TargetError> {
    let total_bytes = contents.total_bytes.max(contents.bytes.len() as u64);
    if total_bytes > max_bytes { Err(TargetError::TooLarge { total_bytes, max_bytes }) } else { Ok(contents) }
}

async fn read_slice(
    means: &Means,
    target: Option<&Target>,
    path: &str,
    slice: FileSlice,
) -> Result<FileContents, TargetError> {
    match target {
        None => Err(TargetError::NotRunning),
        Some(Target::Process { dir }) => read_as_user(&means.program, dir, path, slice).await,
        Some(Target::Container { id, process }) => match process.filter(|process| process.is_alive()) {
            Some(process) => {
                let path = PathBuf::from(path);
                let read = tokio::task::spawn_blocking(move || read_below(process, &path, slice));
                let read = tokio::time::timeout(READ_DEADLINE, read).await;
                let read =
                    read.map_err(|_| io::ErrorKind::TimedOut.into()).and_then(|done| done.map_err(io::Error::other));
                read.and_then(|result| result).map_err(kernel("read the file"))
            }
            None => Ok(means.engine()?.read_file(id, path, slice).await?),
        },
    }
}

/// Reads a file as a process sees it: links and `..` never lead out of its root.
fn read_below(process: ProcessId, path: &Path, slice: FileSlice) -> io::Result<FileContents> {
    let root = File::open(format!("/proc/{}/root", process.pid))?;
    // The id may have been given to another process since; then what was opened is another root.
    if !process.is_alive() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the node's process has ended"));
    }
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let mut file = File::from(openat2(&root, path, how)?);
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    if slice.tail && meta.len() > slice.max_bytes {
        file.seek(SeekFrom::Start(meta.len() - slice.max_bytes))?;
    }
    if !slice.tail && meta.len() >= slice.max_bytes {
        // It is refused for its size: nothing of it need be read.
        return Ok(FileContents { bytes: Vec::new(), total_bytes: meta.len() });
    }
    let mut bytes = Vec::new();
    file.take(slice.max_bytes).read_to_end(&mut bytes)?;
    Ok(FileContents { bytes, total_bytes: meta.len() })
}

async fn read_as_user(program: &Path, dir: &Path, path: &str, slice: FileSlice) -> Result<FileContents, TargetError> {
    let output_max_bytes = usize::try_from(slice.max_bytes).unwrap_or(usize::MAX).saturating_add(LENGTH_BYTES);
    let bounds = Bounds { output_max_bytes, timeout: READ_DEADLINE };
    match process::read_file(program, dir, path, slice, bounds).await? {
        ExecEnd::Done(ExecOutput { code: 0, stdout, .. }) if stdout.len() >= LENGTH_BYTES => {
            let (length, bytes) = stdout.split_at(LENGTH_BYTES);
            let total_bytes = length.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
            Ok(FileContents { bytes: bytes.to_vec(), total_bytes })
        }
        ExecEnd::Done(output) => {
            Err(TargetError::CouldNotStart(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
        }
        ExecEnd::TimedOut(_) => Err(kernel("read the file")(io::ErrorKind::TimedOut.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::engine::model::ContainerId;
    use crate::logs::followers::Followers;

    async fn read_own(path: &Path, max_bytes: u64, tail: bool) -> Result<FileContents, String> {
        let means = Means {
            engine: None,
            program: "/bin/false".into(),
            entrance: None,
            ends: std::sync::Arc::default(),
            followers: Followers::default(),
        };
        let process = ProcessId::of(std::process::id()).unwrap();
        let target = Target::Container { id: ContainerId("own".to_owned()), process: Some(process) };
        let slice = FileSlice { max_bytes, tail };
        read_file(&means, Some(&target), path.to_str().unwrap(), slice).await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_file_is_given_whole_or_refused_with_its_size_and_only_its_end_is_a_part() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "0123456789").unwrap();
        assert_eq!(read_own(&path, 10, false).await.unwrap().bytes, b"0123456789");
        assert_eq!(read_own(&path, 9, false).await.unwrap_err(), "the file has 10B, at most 9B are given");
        assert_eq!(read_own(&path, 4, true).await.unwrap().bytes, b"6789");
    }

    #[tokio::test]
    async fn whatever_is_asked_for_a_file_larger_than_fits_in_memory_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        File::create(&path).unwrap().set_len(100 << 20).unwrap();
        for max_bytes in [0, 1 << 30] {
            let refused = read_own(&path, max_bytes, false).await.unwrap_err();
            assert_eq!(refused, "the file has 100MiB, at most 64MiB are given");
        }
    }

    #[tokio::test]
    async fn a_file_of_the_kernel_s_that_says_no_size_is_not_cut_either() {
        let path = Path::new("/proc/self/status");
        assert_eq!(read_own(path, 10, false).await.unwrap_err(), "the file has 11B, at most 10B are given");
        assert!(read_own(path, 0, false).await.unwrap().bytes.len() > 100);
    }
}
