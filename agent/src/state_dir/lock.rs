//! One agent a state directory.

use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::paths::Paths;

/// Longest process id, with room to spare.
const PID_MAX_BYTES: u64 = 32;

/// The right to use a state directory, for as long as it is held. The kernel takes it back from a process that ends.
#[derive(Debug)]
pub struct StateLock {
    _file: Flock<File>,
}

/// Why the right cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another agent has it.
    #[error("another agent (process {pid}) uses {}: stop it first, or give another --state-dir", state_dir.display())]
    Held {
        /// The folder.
        state_dir: PathBuf,
        /// The other one's process id; `unknown` in the moment of its start.
        pid: String,
    },
    /// The lock cannot be made.
    #[error("cannot lock {}: run the agent as root, or give a --state-dir that you may write to", path.display())]
    File {
        /// The lock.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl StateLock {
    /// Takes the lock and writes this process's id into it; makes the state directory where there is none.
    pub fn take(paths: &Paths) -> Result<Self, LockError> {
        let path = paths.lock();
        let failed = |source| LockError::File { path: path.clone(), source };
        // Users of nodes pass through it to their disk folders.
        DirBuilder::new().recursive(true).mode(0o755).create(paths.state_dir()).map_err(failed)?;
        let open = File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        let mut file = match Flock::lock(open, FlockArg::LockExclusiveNonblock) {
            Ok(file) => file,
            Err((file, Errno::EWOULDBLOCK)) => {
                return Err(LockError::Held { state_dir: paths.state_dir().to_owned(), pid: holder(file) });
            }
            Err((_, errno)) => return Err(failed(errno.into())),
        };
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(failed)?;
        Ok(Self { _file: file })
    }
}

fn holder(file: File) -> String {
    let mut text = String::new();
    let read = file.take(PID_MAX_BYTES).read_to_string(&mut text);
    let pid = text.trim();
    if read.is_ok() && !pid.is_empty() { pid.to_owned() } else { "unknown".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_agent_is_held_off_and_told_the_first_ones_process() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(&folder.path().join("state"), &folder.path().join("throng")).unwrap();
        let first = StateLock::take(&paths).unwrap();
        let error = StateLock::take(&paths).unwrap_err();
        assert!(matches!(&error, LockError::Held { pid, .. } if *pid == std::process::id().to_string()), "{error}");
        drop(first);
        StateLock::take(&paths).unwrap();
    }
}
