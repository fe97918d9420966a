//! One agent at a time changes what all agents of a machine share: lists of the kernel's and the machine's hosts file,
//! which are read, changed and written back whole.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// How long another agent may take: its changes are small files and a few runs of a small command.
const PATIENCE: Duration = Duration::from_secs(20);
const RETRY: Duration = Duration::from_millis(5);
/// Root's alone: who can open it can hold it.
const MODE: u32 = 0o600;

/// The right to change what is shared, for as long as it is held. The kernel takes it back from a process that ends.
#[derive(Debug)]
pub struct MachineLock {
    _file: Flock<File>,
}

/// Why the right cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum MachineLockError {
    /// Another agent has it, for too long.
    #[error(
        "another agent of this machine has been changing its settings for {PATIENCE:?}: see who holds {} with `lslocks`",
        path.display()
    )]
    Held {
        /// The lock.
        path: PathBuf,
    },
    /// The lock cannot be made.
    #[error("cannot lock {}: run the agent as root", path.display())]
    File {
        /// The lock.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl MachineLock {
    /// Waits for the lock and takes it. Blocks. Its file stays: one that is removed could be held twice.
    pub fn take(path: &Path) -> Result<Self, MachineLockError> {
        let failed = |source| MachineLockError::File { path: path.to_owned(), source };
        let open = File::options().write(true).create(true).truncate(false).mode(MODE).open(path);
        let mut file = open.map_err(failed)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => return Ok(Self { _file: file }),
                Err((_, Errno::EWOULDBLOCK)) if Instant::now() > deadline => {
                    return Err(MachineLockError::Held { path: path.to_owned() });
                }
                Err((again, Errno::EWOULDBLOCK | Errno::EINTR)) => file = again,
                Err((_, errno)) => return Err(failed(errno.into())),
            }
            thread::sleep(RETRY);
        }
    }
}
