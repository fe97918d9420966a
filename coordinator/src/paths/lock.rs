//! One coordinator per state directory: a lock that the kernel drops with the process.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::StateDir;

/// Longest text read from the lock file: a process id has at most 10 digits.
const PID_MAX_BYTES: u64 = 32;
/// How long a holder that was killed may take until its last thread is gone: one that waits for its disk ends late, and
/// only then does the kernel drop the lock.
const ENDING_WITHIN: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_millis(10);

/// Held for as long as this value lives, and never longer than the process.
#[derive(Debug)]
pub struct StateLock {
    /// Never read again: closing it is what unlocks.
    _file: File,
}

/// Why the state directory could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another coordinator uses it.
    #[error("a coordinator ({}) already uses state directory `{}`; end it with `throng stop` or give another --state-dir",
            holder(*pid), root.display())]
    Held {
        /// Its process id, where it could be read.
        pid: Option<u32>,
        /// The directory.
        root: PathBuf,
    },
    /// The lock file could not be opened, locked or written.
    #[error("cannot lock `{}`", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "pid unknown".to_owned(), |pid| format!("pid {pid}"))
}

impl StateLock {
    /// Takes the lock and writes this process's id into it; waits for nobody but a holder that is ending. Blocks. The
    /// directory must exist.
    pub fn take(state: &StateDir) -> Result<Self, LockError> {
        let path = state.lock();
        let failed = |source| LockError::Io { path: path.clone(), source };
        let options = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).to_owned();
        let mut file = options.open(&path).map_err(failed)?;
        let deadline = Instant::now() + ENDING_WITHIN;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    let pid = read_pid(&mut file);
                    if !pid.is_some_and(has_ended) || Instant::now() > deadline {
                        return Err(LockError::Held { pid, root: state.root().to_owned() });
                    }
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            thread::sleep(RETRY);
        }
        write_pid(&mut file).map_err(failed)?;
        Ok(Self { _file: file })
    }

    /// Whether a process holds the lock now, also in the moment before it has written its id.
    pub fn is_held(state: &StateDir) -> bool {
        File::open(state.lock()).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// The process that holds the lock now; none when nobody does, or it has not written its id yet.
    pub fn holder(state: &StateDir) -> Option<u32> {
        let mut file = File::open(state.lock()).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => read_pid(&mut file),
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }
}

/// Whether a process is gone, or has nothing left but threads on their way out: it has no program then.
fn has_ended(pid: u32) -> bool {
    let unnamed = std::fs::read_link(format!("/proc/{pid}/exe")).err().map(|error| error.kind());
    // One that is reaped in that very moment is refused instead.
    unnamed == Some(ErrorKind::NotFound) || !std::path::Path::new(&format!("/proc/{pid}")).exists()
}

fn read_pid(file: &mut File) -> Option<u32> {
    file.rewind().ok()?;
    let mut text = String::new();
    file.take(PID_MAX_BYTES).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::StateEnvironment;

    #[test]
    fn a_second_coordinator_is_refused_with_the_first_one_s_pid_until_it_ends() {
        let scratch = tempfile::tempdir().unwrap();
        let flag = Some(scratch.path().join("state"));
        let state = StateDir::resolve(&StateEnvironment { flag, ..StateEnvironment::default() }).unwrap();
        state.create().unwrap();
        assert_eq!(StateLock::holder(&state), None);
        let first = StateLock::take(&state).unwrap();
        let refused = StateLock::take(&state).unwrap_err();
        assert!(refused.to_string().contains(&format!("pid {}", std::process::id())), "{refused}");
        assert_eq!(StateLock::holder(&state), Some(std::process::id()));
        std::fs::write(state.lock(), "").unwrap();
        assert!(StateLock::is_held(&state));
        drop(first);
        assert!(!StateLock::is_held(&state));
        StateLock::take(&state).unwrap();
    }

    #[test]
    fn a_holder_that_is_ending_is_waited_for() {
        let scratch = tempfile::tempdir().unwrap();
        let flag = Some(scratch.path().join("state"));
        let state = StateDir::resolve(&StateEnvironment { flag, ..StateEnvironment::default() }).unwrap();
        state.create().unwrap();
        let first = StateLock::take(&state).unwrap();
        // More than any process id can be.
        std::fs::write(state.lock(), format!("{}\n", u32::MAX)).unwrap();
        let ending = thread::spawn(move || {
            thread::sleep(RETRY * 5);
            drop(first);
        });
        let _lock = StateLock::take(&state).unwrap();
        assert_eq!(StateLock::holder(&state), Some(std::process::id()));
        ending.join().unwrap();
    }
}
