//! One command in a process node, to its end.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use nix::sys::signal::Signal;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, timeout, timeout_at};

use super::target::{TargetError, kernel};
use crate::enter::command::NOT_ENTERED;
use crate::host::engine::model::{ExecEnd, ExecOutput, ExecRequest, FileSlice};
use crate::host::open_files;
use crate::launcher::report::{NOT_STARTED, Token};
use crate::launcher::variables::marked;
use crate::shim::members::Members;
use crate::shim::record::ProcessId;

/// How long output may still come once the command has ended: what it left in the background may hold it open.
const DRAIN_GRACE: Duration = Duration::from_millis(200);
/// How long a command that took too long may take to die.
const KILL_DEADLINE: Duration = Duration::from_secs(5);
/// The exit code of a command that a signal ended is this plus the signal's number, as shells have it.
const SIGNAL_BASE: i64 = 128;
/// Bytes read at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// A launcher for a node, with nothing of the agent's own environment.
pub(super) fn launcher(program: &Path, dir: &Path, token: &Token) -> Command {
    let mut command = Command::new(program);
    command.args(["launch", "--dir"]).arg(dir).args(["--token", token.as_str()]).env_clear().kill_on_drop(true);
    if let Some(soft) = open_files::before() {
        command.args(["--nofile-soft", &soft.to_string()]);
    }
    command
}

/// Runs a command as the node's user, in its working folder and control groups, with its environment and what the
/// request adds to it. The node need not run: prepare commands go the same way.
pub async fn run(program: &Path, dir: &Path, request: ExecRequest) -> Result<ExecEnd, TargetError> {
    let token = Token::random();
    let mut command = launcher(program, dir, &token);
    command.arg("--").args(&request.argv).envs(marked(request.env));
    let bounds = Bounds { output_max_bytes: request.output_max_bytes, timeout: request.timeout };
    run_launcher(command, &token, request.stdin, bounds).await
}

/// Reads a file as the node's user: its length in eight bytes, then the wanted part of it, is what it "writes".
pub(crate) async fn read_file(
    program: &Path,
    dir: &Path,
    path: &str,
    slice: FileSlice,
    bounds: Bounds,
) -> Result<ExecEnd, TargetError> {
    let token = Token::random();
    let mut command = launcher(program, dir, &token);
    command.args(["--read", path, "--max", &slice.max_bytes.to_string()]);
    if slice.tail {
        command.arg("--tail");
    }
    run_launcher(command, &token, None, bounds).await
}

/// What a command may use of the agent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Most bytes kept of each of its outputs.
    pub(crate) output_max_bytes: usize,
    /// How long it may take.
    pub(crate) timeout: Duration,
}

async fn run_launcher(
    mut command: Command,
    token: &Token,
    input: Option<Bytes>,
    bounds: Bounds,
) -> Result<ExecEnd, TargetError> {
    pipe(&mut command, input.is_some());
    let child = command.spawn().map_err(kernel("run the launcher"))?;
    attend(child, token, input, bounds).await
}

/// Has the command's outputs read, and its input written where it has one.
pub(super) fn pipe(command: &mut Command, has_input: bool) {
    command.stdin(if has_input { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
}

/// A command that somebody waits for. It ends with this value, with all that it has started.
struct Attended {
    members: Option<Members>,
}

impl Drop for Attended {
    fn drop(&mut self) {
        let Some(members) = self.members.take() else { return };
        // Where no thread can be had, its first process alone is killed, by whoever holds it.
        let _ = std::thread::Builder::new().spawn(move || members.kill_all(KILL_DEADLINE));
    }
}

/// Stays with a command until its end; one that nobody waits for any more is ended.
pub(super) async fn attend(
    mut child: Child,
    token: &Token,
    input: Option<Bytes>,
    bounds: Bounds,
) -> Result<ExecEnd, TargetError> {
    let deadline = Instant::now() + bounds.timeout;
    let leader = child.id().and_then(|pid| ProcessId::of(pid).ok());
    let mut attended = Attended { members: Some(Members { procs_files: Vec::new(), leader }) };
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let mut out = Kept::new(bounds.output_max_bytes);
    let mut err = Kept::new(bounds.output_max_bytes);
    let status = {
        let read = async { tokio::join!(out.read(stdout), err.read(stderr), feed(stdin, input)) };
        tokio::pin!(read);
        let ended = async {
            // Waiting and reading go on side by side: a command that writes much waits for us, and one that closes its
            // outputs goes on. `wait` is cancel-safe, and what was read is kept outside.
            tokio::select! {
                _ = &mut read => child.wait().await,
                status = child.wait() => {
                    let _ = timeout(DRAIN_GRACE, &mut read).await;
                    status
                }
            }
        };
        timeout_at(deadline, ended).await
    };
    let truncated = out.truncated || err.truncated;
    let output = |code| ExecOutput { code, stdout: out.bytes, stderr: err.bytes, truncated };
    let members = attended.members.take();
    if let Ok(status) = status {
        return end(status.map_err(kernel("wait for the command"))?, token, output);
    }
    // The blocking task does not panic; what cannot be killed stays in the node's control group.
    let _ = tokio::task::spawn_blocking(move || members.map(|members| members.kill_all(KILL_DEADLINE))).await;
    Ok(ExecEnd::TimedOut(output(SIGNAL_BASE + i64::from(Signal::SIGKILL as i32))))
}

fn end(status: ExitStatus, token: &Token, output: impl FnOnce(i64) -> ExecOutput) -> Result<ExecEnd, TargetError> {
    let code = exit_code(status);
    let output = output(code);
    let complaint =
        |output: &ExecOutput| output.stderr.split(|byte| *byte == b'\n').find_map(|line| token.complaint_in(line));
    if code == i64::from(NOT_ENTERED)
        && let Some(why) = complaint(&output)
    {
        return Err(TargetError::NotEntered(why));
    }
    if code == i64::from(NOT_STARTED)
        && let Some(why) = complaint(&output)
    {
        return Err(TargetError::CouldNotStart(why));
    }
    Ok(ExecEnd::Done(output))
}

/// The code, or what stands for the signal.
pub(super) fn exit_code(status: ExitStatus) -> i64 {
    use std::os::unix::process::ExitStatusExt as _;
    let signal = || SIGNAL_BASE + i64::from(status.signal().unwrap_or_default());
    status.code().map_or_else(signal, i64::from)
}

async fn feed(stdin: Option<ChildStdin>, bytes: Option<Bytes>) {
    if let (Some(mut stdin), Some(bytes)) = (stdin, bytes) {
        // A command may end without reading all: that is its right.
        let _ = stdin.write_all(&bytes).await;
    }
}

/// Output kept up to a bound; the rest is read and dropped.
struct Kept {
    max_bytes: usize,
    bytes: Vec<u8>,
    truncated: bool,
}

impl Kept {
    fn new(max_bytes: usize) -> Self {
        Self { max_bytes, bytes: Vec::new(), truncated: false }
    }

    async fn read(&mut self, source: Option<impl AsyncRead + Unpin>) {
        let Some(mut source) = source else { return };
        let mut chunk = vec![0; CHUNK_BYTES];
        // An error ends the output as its end does: the exit code tells the rest.
        while let Ok(read @ 1..) = source.read(&mut chunk).await {
            let room = self.max_bytes.saturating_sub(self.bytes.len());
            self.truncated |= read > room;
            self.bytes.extend_from_slice(&chunk[..read.min(room)]);
        }
    }
}
