//! The life of a shim: lock, start, keep the output, reap, record, clean up.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, setsid};

use super::command::THIS_PROGRAM;
use super::files::{ShimFileError, ShimFiles, read_json, write_json};
use super::log::{RotatingLog, copy_lines};
use super::members::{Members, oom_kills, send};
use super::record::{ExitCause, ExitRecord, PidRecord, ProcessId, boot_id, now};
use super::spec::ShimSpec;
use crate::host::engine::model::OutputStream;
use crate::launcher::report::Token;

/// An agent that looks whether the lock is held holds it for a moment itself.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
const LOCK_RETRY: Duration = Duration::from_millis(5);
/// How long what is left of a node may take to die once its first process has ended.
const LEFTOVERS_DEADLINE: Duration = Duration::from_secs(5);
/// How long the last output may take to be read once nobody is left to write any.
const DRAIN_DEADLINE: Duration = Duration::from_secs(2);
/// Stands for a signal that has no name.
const UNKNOWN_SIGNAL: i32 = 0;

/// Why a shim could not do its work to the end.
#[derive(Debug, thiserror::Error)]
pub(super) enum ShimError {
    /// Its lock cannot be had.
    #[error("{} cannot be locked", path.display())]
    Lock { path: PathBuf, source: io::Error },
    /// Another shim is at work in this folder.
    #[error("another shim holds {}", path.display())]
    Held { path: PathBuf },
    /// One of its files is of no use.
    #[error(transparent)]
    File(#[from] ShimFileError),
    /// The kernel does not tell of its processes.
    #[error("cannot {what}")]
    Process { what: &'static str, source: io::Error },
    /// Something of the node could not be killed.
    #[error("processes of the node could not be killed: {pids:?}")]
    Survivors { pids: BTreeSet<u32> },
}

/// Runs one program to its end.
pub(super) fn run(files: &ShimFiles) -> Result<(), ShimError> {
    // It fails for a process that leads a session already: that is as good.
    let _ = setsid();
    let _lock = lock(files)?;
    match read_json::<ShimSpec>(&files.spec()) {
        Ok(Some(spec)) => supervise(files, &spec),
        Ok(None) => could_not_start(files, format!("{} does not exist", files.spec().display())),
        Err(error) => could_not_start(files, error.to_string()),
    }
}

fn lock(files: &ShimFiles) -> Result<Flock<File>, ShimError> {
    let path = files.lock();
    let failed = |source: io::Error| ShimError::Lock { path: path.clone(), source };
    let mut file = File::options().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((_, Errno::EWOULDBLOCK)) if Instant::now() > deadline => return Err(ShimError::Held { path }),
            Err((again, Errno::EWOULDBLOCK | Errno::EINTR)) => file = again,
            Err((_, error)) => return Err(failed(error.into())),
        }
        thread::sleep(LOCK_RETRY);
    }
}

fn could_not_start(files: &ShimFiles, why: String) -> Result<(), ShimError> {
    let record = ExitRecord { exit: ExitCause::CouldNotStart(why), at: now(), oom_killed: false };
    Ok(write_json(&files.exit(), &record)?)
}

fn supervise(files: &ShimFiles, spec: &ShimSpec) -> Result<(), ShimError> {
    // Without it, orphans of the node would go to the machine's first process: found all the same, only later.
    let _ = set_child_subreaper(true);
    let oom_before = oom_kills(&spec.launch.procs_files);
    let log = match RotatingLog::open(files, spec.log_max_bytes) {
        Ok(log) => Arc::new(Mutex::new(log)),
        Err(error) => return could_not_start(files, format!("its log cannot be written: {error}")),
    };
    let token = Token::random();
    let mut child = match launch(files, &token) {
        Ok(child) => child,
        Err(error) => return could_not_start(files, format!("the launcher cannot be run: {error}")),
    };
    let process = ProcessId::of(child.id()).map_err(unknown("read the launcher's process"))?;
    let shim = ProcessId::of(std::process::id()).map_err(unknown("read the shim's own process"))?;
    let record =
        PidRecord { process, shim, boot_id: boot_id().map_err(unknown("read the boot's id"))?, started_at: now() };
    write_json(&files.pid(), &record)?;

    let complaint = Arc::new(Mutex::new(None));
    let readers = read_outputs(&mut child, &log, &token, &complaint);
    let cause = reap(process.pid).map_err(unknown("wait for the node's process"))?;
    let members = Members { procs_files: spec.launch.procs_files.clone(), leader: Some(process) };
    let left = members.kill_all(LEFTOVERS_DEADLINE);
    await_readers(&readers);
    let complaint = complaint.lock().unwrap_or_else(PoisonError::into_inner).take();
    let exit = complaint.map_or(cause, ExitCause::CouldNotStart);
    let oom_killed = oom_kills(&spec.launch.procs_files) > oom_before;
    write_json(&files.exit(), &ExitRecord { exit, at: now(), oom_killed })?;
    if left.is_empty() { Ok(()) } else { Err(ShimError::Survivors { pids: left }) }
}

fn unknown(what: &'static str) -> impl Fn(io::Error) -> ShimError {
    move |source| ShimError::Process { what, source }
}

fn launch(files: &ShimFiles, token: &Token) -> io::Result<Child> {
    Command::new(THIS_PROGRAM)
        .args(["launch", "--dir"])
        .arg(files.dir())
        .args(["--token", token.as_str(), "--die-with", &std::process::id().to_string()])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// Reads both outputs in threads of their own. The channel closes when both have ended.
fn read_outputs(
    child: &mut Child,
    log: &Arc<Mutex<RotatingLog>>,
    token: &Token,
    complaint: &Arc<Mutex<Option<String>>>,
) -> Receiver<()> {
    let (ended, readers) = channel();
    let spawn = |source: Option<Box<dyn Read + Send>>, stream: OutputStream| {
        let Some(source) = source else { return };
        let (log, token, complaint, ended) = (Arc::clone(log), token.clone(), Arc::clone(complaint), ended.clone());
        thread::spawn(move || {
            let watch = |line: &[u8]| match token.complaint_in(line) {
                Some(why) => {
                    *complaint.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
                    false
                }
                None => true,
            };
            // Lines that could not be kept are lost: the node goes on.
            let _ = copy_lines(source, stream, &log, watch);
            drop(ended);
        });
    };
    spawn(child.stdout.take().map(|out| Box::new(out) as Box<dyn Read + Send>), OutputStream::Stdout);
    spawn(child.stderr.take().map(|err| Box::new(err) as Box<dyn Read + Send>), OutputStream::Stderr);
    readers
}

fn await_readers(readers: &Receiver<()>) {
    match readers.recv_timeout(DRAIN_DEADLINE) {
        // A process that could not be killed still holds an output open: what it wrote is in the log so far.
        Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
    }
}

/// Reaps children and adopted orphans until the node's first process has ended, and says how.
fn reap(pid: u32) -> io::Result<ExitCause> {
    let main = Pid::from_raw(i32::try_from(pid).map_err(io::Error::other)?);
    loop {
        match waitpid(None, None) {
            Ok(WaitStatus::Exited(ended, code)) if ended == main => return Ok(ExitCause::Code(code)),
            Ok(WaitStatus::Signaled(ended, signal, _)) if ended == main => return Ok(ExitCause::Signal(signal as i32)),
            // A signal without a name (a real-time one) ended one of them; was it this one?
            Err(Errno::EINVAL) if send(pid, None).is_err() => return Ok(ExitCause::Signal(UNKNOWN_SIGNAL)),
            Ok(_) | Err(Errno::EINTR | Errno::EINVAL) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
