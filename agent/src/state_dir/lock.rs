//! One agent a state directory.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::paths::Paths;

/// Longest process id, with room to spare.
const PID_MAX_BYTES: u64 = 32;
/// How long a holder that was killed may take until its last thread is gone: one that waits for its disk ends late, and
/// only then does the kernel drop the lock.
const ENDING_WITHIN: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_millis(10);

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
    /// Takes the lock and writes this process's id into it; waits for nobody but a holder that is ending. Blocks. Makes
    /// the state directory where there is none.
    pub fn take(paths: &Paths) -> Result<Self, LockError> {
        let path = paths.lock();
        let failed = |source| LockError::File { path: path.clone(), source };
        // Users of nodes pass through it to their disk folders.
        DirBuilder::new().recursive(true).mode(0o755).create(paths.state_dir()).map_err(failed)?;
        let open = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut unlocked = open.map_err(failed)?;
        let deadline = Instant::now() + ENDING_WITHIN;
        let mut file = loop {
            match Flock::lock(unlocked, FlockArg::LockExclusiveNonblock) {
                Ok(file) => break file,
                Err((mut held, Errno::EWOULDBLOCK)) => {
                    let pid = holder(&mut held);
                    if !has_ended(&pid) || Instant::now() > deadline {
                        return Err(LockError::Held { state_dir: paths.state_dir().to_owned(), pid });
                    }
                    unlocked = held;
                }
                Err((_, errno)) => return Err(failed(errno.into())),
            }
            thread::sleep(RETRY);
        };
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// Whether a process is gone, or has nothing left but threads on their way out: it has no program then.
fn has_ended(pid: &str) -> bool {
    pid.parse::<u32>().is_ok_and(|pid| {
        let unnamed = fs::read_link(format!("/proc/{pid}/exe")).err().map(|error| error.kind());
        // One that is reaped in that very moment is refused instead.
        unnamed == Some(ErrorKind::NotFound) || !Path::new(&format!("/proc/{pid}")).exists()
    })
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(PID_MAX_BYTES).read_to_string(&mut text));
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

    #[test]
    fn a_holder_that_is_ending_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(&folder.path().join("state"), &folder.path().join("throng")).unwrap();
        let first = StateLock::take(&paths).unwrap();
        // More than any process id can be.
        fs::write(paths.lock(), format!("{}\n", u32::MAX)).unwrap();
        let ending = thread::spawn(move || {
            thread::sleep(RETRY * 5);
            drop(first);
        });
        let _lock = StateLock::take(&paths).unwrap();
        ending.join().unwrap();
    }
}
