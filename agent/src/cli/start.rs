//! `start`: the agent as a daemon, and the wait until it is of use.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::args::StartArgs;
use crate::host::procs::table::Procs;
use crate::paths::{Paths, PathsError};
use crate::shim::command::THIS_PROGRAM;
use crate::state_dir::lock::{LockError, StateLock};
use crate::state_dir::status::{self, DaemonStatus};

/// How long the daemon may take to be connected: a join, a look at the host, a hello.
const CONNECT_DEADLINE: Duration = Duration::from_secs(45);
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// A log that is larger is put aside at a start; the one before it is dropped.
const LOG_MAX_BYTES: u64 = 8 * 1024 * 1024;
/// What is shown of the log of a daemon that fails.
const SHOWN_LINES: usize = 20;
const SHOWN_MAX_BYTES: u64 = 16 * 1024;

/// Why there is no daemon.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    /// The folders cannot be used.
    #[error(transparent)]
    Paths(#[from] PathsError),
    /// Another agent is there, or the state directory cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The agent that is there serves another coordinator.
    #[error(
        "the agent that runs (process {pid}) serves the coordinator at {coordinator}: stop it first (`kill {pid}`); its nodes go on"
    )]
    Other {
        /// Its process id.
        pid: u32,
        /// Its coordinator.
        coordinator: String,
    },
    /// The system refused a step.
    #[error("cannot {what} {}", path.display())]
    System {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The daemon ended.
    #[error("the agent ended at once ({status}); the end of {}:\n{tail}", log.display())]
    Ended {
        /// How.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// The daemon does not get through to its coordinator.
    #[error("the agent was not connected within {seconds} s; the end of {}:\n{tail}", log.display())]
    NotConnected {
        /// How long was waited.
        seconds: u64,
        /// Its log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
}

/// The daemon has threads that do little: with an arena of memory for each of them it would hold half as much again. And
/// what it needed for a burst of starts it gives back: else it would hold that for good (docs/performance.md).
const ALLOCATOR: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "2"), ("MALLOC_TRIM_THRESHOLD_", "32768"), ("MALLOC_TOP_PAD_", "16384")];

/// Starts the daemon and waits until its coordinator has said hello. Where one runs already for the same coordinator,
/// only waits.
pub(super) fn start(args: &StartArgs, token: Option<&str>) -> Result<(), StartError> {
    let paths = args.dirs.paths()?;
    if join_running(args, &paths)? {
        return Ok(());
    }
    let (log, begin) = open_log(&paths)?;
    let mut child = spawn(args, &paths, log, token)?;
    let deadline = Instant::now() + CONNECT_DEADLINE;
    loop {
        if status::read(&paths).is_some_and(|status| status.pid == child.id() && status.connected) {
            return Ok(());
        }
        if let Ok(Some(status)) = child.try_wait() {
            // Another command may have started one in the same moment: it is as good.
            if join_running(args, &paths)? {
                return Ok(());
            }
            return Err(StartError::Ended { status, log: paths.log(), tail: tail(&paths, begin) });
        }
        if Instant::now() > deadline {
            end(&mut child);
            let seconds = CONNECT_DEADLINE.as_secs();
            return Err(StartError::NotConnected { seconds, log: paths.log(), tail: tail(&paths, begin) });
        }
        thread::sleep(LOOK_INTERVAL);
    }
}

/// Waits for the agent that runs already, if it is the one that is wanted; false where none runs.
fn join_running(args: &StartArgs, paths: &Paths) -> Result<bool, StartError> {
    let deadline = Instant::now() + CONNECT_DEADLINE;
    loop {
        let held = match StateLock::take(paths) {
            Ok(_free) => return Ok(false),
            Err(error) => error,
        };
        let LockError::Held { pid, .. } = &held else { return Err(held.into()) };
        match status::read(paths).filter(|status| is_of(status, pid, is_alive)) {
            Some(status) if !serves(&status, args) => {
                return Err(StartError::Other { pid: status.pid, coordinator: status.coordinator });
            }
            Some(status) if status.connected => return Ok(true),
            Some(_) | None if Instant::now() > deadline => return Err(held.into()),
            Some(_) | None => thread::sleep(LOOK_INTERVAL),
        }
    }
}

/// Whether a status is that of the agent that holds the lock. One that was killed leaves its status, and the kernel
/// frees its lock only when its last thread is gone: until then it is dead and the lock is held.
fn is_of(status: &DaemonStatus, holder: &str, is_alive: impl Fn(u32) -> bool) -> bool {
    status.pid.to_string() == holder && is_alive(status.pid)
}

fn is_alive(pid: u32) -> bool {
    Procs::default().stat(pid).is_ok_and(|stat| !matches!(stat.state, 'Z' | 'X'))
}

fn serves(status: &DaemonStatus, args: &StartArgs) -> bool {
    let wanted = (&args.coordinator, &args.ca_pin, &args.host);
    (&status.coordinator, &status.ca_pin, &status.host) == wanted
}

/// The log, to be appended to, and how long it is so far.
fn open_log(paths: &Paths) -> Result<(File, u64), StartError> {
    let path = paths.log();
    let failed = |source| StartError::System { what: "open the log", path: path.clone(), source };
    DirBuilder::new().recursive(true).mode(0o755).create(paths.state_dir()).map_err(failed)?;
    if fs::metadata(&path).is_ok_and(|meta| meta.len() > LOG_MAX_BYTES) {
        fs::rename(&path, path.with_extension("log.1")).map_err(failed)?;
    }
    let log = File::options().append(true).create(true).mode(0o640).open(&path).map_err(failed)?;
    let length = log.metadata().map_err(failed)?.len();
    Ok((log, length))
}

fn spawn(args: &StartArgs, paths: &Paths, log: File, token: Option<&str>) -> Result<Child, StartError> {
    let failed = |source| StartError::System { what: "start", path: THIS_PROGRAM.into(), source };
    let mut command = Command::new(THIS_PROGRAM);
    command.envs(ALLOCATOR);
    command.arg0("throng-agent").args(["run", "--detached", "--coordinator", &args.coordinator]);
    command.args(["--ca-pin", &args.ca_pin.to_string(), "--host", args.host.as_str()]);
    command.arg("--state-dir").arg(paths.state_dir()).arg("--run-dir").arg(paths.run_dir());
    let stdin = match token {
        Some(_) => {
            command.arg("--token-stdin");
            Stdio::piped()
        }
        None => Stdio::null(),
    };
    let outputs = log.try_clone().map_err(failed)?;
    let mut child = command.current_dir("/").stdin(stdin).stdout(outputs).stderr(log).spawn().map_err(failed)?;
    if let (Some(mut stdin), Some(token)) = (child.stdin.take(), token) {
        // A daemon that ends before it reads says why in its log.
        let _ = stdin.write_all(token.as_bytes());
    }
    Ok(child)
}

/// Ends a daemon that is of no use, so that the next try finds no other in its way.
fn end(child: &mut Child) {
    if let Ok(pid) = i32::try_from(child.id()) {
        // It may have ended by itself.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
        thread::sleep(LOOK_INTERVAL);
    }
}

/// The last lines of what the daemon wrote.
fn tail(paths: &Paths, begin: u64) -> String {
    let read = || -> io::Result<String> {
        let mut log = File::open(paths.log())?;
        let end = log.metadata()?.len();
        log.seek(SeekFrom::Start(begin.max(end.saturating_sub(SHOWN_MAX_BYTES))))?;
        let mut bytes = Vec::new();
        log.take(SHOWN_MAX_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_else(|error| format!("(it cannot be read: {error})"));
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_agent_said_of_itself_is_not_believed() {
        let status = DaemonStatus {
            pid: 7,
            coordinator: "127.0.0.1:1".to_owned(),
            ca_pin: "0a".repeat(32).parse().unwrap(),
            host: "local".parse().unwrap(),
            connected: true,
            problem: None,
        };
        assert!(is_of(&status, "7", |_| true));
        assert!(!is_of(&status, "7", |_| false), "its lock is about to be freed");
        assert!(!is_of(&status, "8", |_| true), "another one holds the lock");
        assert!(!is_of(&status, "unknown", |_| true));
    }
}
