//! Commands in containers: to their end with their output kept, or on a terminal.

use std::time::Duration;

use bollard::container::LogOutput;
use bollard::exec::{ResizeExecOptions, StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream::BoxStream};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, sleep, timeout_at};

use super::client::{Ask, DockerEngine, READ_DEADLINE, within};
use crate::host::engine::api::{EngineTerminal, TerminalRequest, TerminalSize};
use crate::host::engine::error::EngineResult;
use crate::host::engine::model::{ContainerId, ExecEnd, ExecOutput, ExecRequest};

/// The engine closes a command's output a moment before it knows the exit code.
const EXIT_CODE_RETRY: Duration = Duration::from_millis(5);
/// How long it may take to know it, where the command's own time is over.
const EXIT_CODE_GRACE: Duration = Duration::from_secs(2);
/// The exit code reported for a command that was killed for its timeout: 128 + SIGKILL.
const KILLED_EXIT_CODE: i64 = 137;

type Output = BoxStream<'static, Result<LogOutput, bollard::errors::Error>>;

/// A command that was started.
struct Started {
    exec: String,
    output: Output,
    input: std::pin::Pin<Box<dyn AsyncWrite + Send>>,
}

impl DockerEngine {
    pub(super) async fn run_exec(&self, id: &ContainerId, request: ExecRequest) -> EngineResult<ExecEnd> {
        let ask = Ask { operation: "run a command in container", subject: id.as_str() };
        let deadline = Instant::now() + request.timeout;
        let config = ExecConfig {
            attach_stdin: Some(request.stdin.is_some()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            env: Some(pairs(&request.env)),
            cmd: Some(request.argv),
            ..Default::default()
        };
        let Started { exec, mut output, mut input } = self.start_exec(ask, id, config, false).await?;
        let mut kept = Kept::new(request.output_max_bytes);
        let feed = async {
            if let Some(stdin) = request.stdin {
                // A command may end without reading all: that is its right.
                let _ = input.write_all(&stdin).await;
                let _ = input.shutdown().await;
            }
        };
        let read = async {
            while let Some(frame) = output.next().await {
                kept.add(frame.map_err(|error| ask.failed(error))?);
            }
            EngineResult::Ok(())
        };
        let both = async { tokio::join!(feed, read).1 };
        let in_time = match timeout_at(deadline, both).await {
            Ok(result) => {
                result?;
                // Output can end while the command goes on: it may have closed it.
                let exit_deadline = deadline.max(Instant::now() + EXIT_CODE_GRACE);
                timeout_at(exit_deadline, self.await_exit_code(&exec)).await
            }
            Err(elapsed) => Err(elapsed),
        };
        if let Ok(code) = in_time {
            return Ok(ExecEnd::Done(kept.output(code?)));
        }
        self.kill_exec(&exec).await?;
        Ok(ExecEnd::TimedOut(kept.output(KILLED_EXIT_CODE)))
    }

    async fn start_exec(&self, ask: Ask<'_>, id: &ContainerId, config: ExecConfig, tty: bool) -> EngineResult<Started> {
        let exec = within(ask, READ_DEADLINE, self.docker.create_exec(id.as_str(), config)).await?.id;
        let options = StartExecOptions { detach: false, tty, output_capacity: None };
        match within(ask, READ_DEADLINE, self.docker.start_exec(&exec, Some(options))).await? {
            StartExecResults::Attached { output, input } => Ok(Started { exec, output, input }),
            StartExecResults::Detached => Err(ask.garbled("the command was not attached to")),
        }
    }

    async fn await_exit_code(&self, exec: &str) -> EngineResult<i64> {
        loop {
            if let Some(code) = self.exec_exit_code(exec).await? {
                return Ok(code);
            }
            sleep(EXIT_CODE_RETRY).await;
        }
    }

    pub(super) async fn exec_exit_code(&self, exec: &str) -> EngineResult<Option<i64>> {
        let ask = Ask { operation: "look at command", subject: exec };
        let state = within(ask, READ_DEADLINE, self.docker.inspect_exec(exec)).await?;
        Ok(state.exit_code.filter(|_| state.running == Some(false)))
    }

    /// The engine has no call for this; the command's process is one of this host's.
    async fn kill_exec(&self, exec: &str) -> EngineResult<()> {
        let ask = Ask { operation: "look at command", subject: exec };
        let state = within(ask, READ_DEADLINE, self.docker.inspect_exec(exec)).await?;
        let pid = state.pid.filter(|_| state.running == Some(true)).and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid.filter(|pid| *pid > 1) {
            // An error means that it has just ended.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        Ok(())
    }

    pub(super) async fn open_terminal(
        &self,
        id: &ContainerId,
        request: TerminalRequest,
    ) -> EngineResult<EngineTerminal> {
        let ask = Ask { operation: "open a terminal in container", subject: id.as_str() };
        let config = ExecConfig {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(true),
            env: Some(pairs(&request.env)),
            cmd: Some(request.argv),
            ..Default::default()
        };
        let Started { exec, output, input } = self.start_exec(ask, id, config, true).await?;
        match self.resize_exec_terminal(&exec, request.size).await {
            // A command that has ended already has no terminal to resize: what it showed is still to be read.
            Err(error) if error.is_unreachable() => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let id = id.clone();
        let output = output.map(move |frame| {
            let ask = Ask { operation: "read the terminal of container", subject: id.as_str() };
            frame.map(LogOutput::into_bytes).map_err(|error| ask.failed(error))
        });
        Ok(EngineTerminal { exec, input, output: output.boxed() })
    }

    pub(super) async fn resize_exec_terminal(&self, exec: &str, size: TerminalSize) -> EngineResult<()> {
        let ask = Ask { operation: "resize the terminal of command", subject: exec };
        let options = ResizeExecOptions { height: size.rows, width: size.columns };
        within(ask, READ_DEADLINE, self.docker.resize_exec(exec, options)).await
    }
}

fn pairs(env: &[(String, String)]) -> Vec<String> {
    env.iter().map(|(key, value)| format!("{key}={value}")).collect()
}

/// Output kept up to a bound.
struct Kept {
    max_bytes: usize,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    truncated: bool,
}

impl Kept {
    fn new(max_bytes: usize) -> Self {
        Self { max_bytes, stdout: Vec::new(), stderr: Vec::new(), truncated: false }
    }

    fn add(&mut self, frame: LogOutput) {
        let (kept, message): (_, Bytes) = match frame {
            LogOutput::StdOut { message } => (&mut self.stdout, message),
            LogOutput::StdErr { message } | LogOutput::Console { message } | LogOutput::StdIn { message } => {
                (&mut self.stderr, message)
            }
        };
        let room = self.max_bytes.saturating_sub(kept.len());
        self.truncated |= message.len() > room;
        kept.extend_from_slice(&message[..message.len().min(room)]);
    }

    fn output(self, code: i64) -> ExecOutput {
        ExecOutput { code, stdout: self.stdout, stderr: self.stderr, truncated: self.truncated }
    }
}
