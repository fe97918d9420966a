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

/// Most bytes of one file that are given, whatever the caller says: they are held in memory.
pub const FILE_MAX_BYTES: u64 = 64 * 1024 * 1024;
/// How long reading may take: a file system of the node's may hang.
const READ_DEADLINE: Duration = Duration::from_secs(30);
/// A launcher says how large the file is in so many bytes before its contents.
const LENGTH_BYTES: usize = 8;

/// Reads a regular file of a node. `slice.max_bytes` of 0 stands for [`FILE_MAX_BYTES`], which is never exceeded.
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
    let slice = FileSlice { max_bytes, ..slice };
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
