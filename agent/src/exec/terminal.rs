//! One command on a terminal, in one node.

use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt as _};
use tokio::io::AsyncWrite;
use tokio::process::Child;
use tokio::time::{Instant, sleep};

use super::process::{exit_code, launcher};
use super::pty::Pty;
use super::target::{Means, Target, TargetError, kernel};
use crate::host::engine::api::{Engine, EngineTerminal, TerminalRequest, TerminalSize};
use crate::launcher::report::Token;
use crate::launcher::variables::marked;

/// The engine closes a terminal a moment before it knows the exit code.
const EXIT_CODE_DEADLINE: Duration = Duration::from_secs(5);
const EXIT_CODE_RETRY: Duration = Duration::from_millis(10);

/// A command that runs on a terminal.
pub struct Terminal {
    /// What is typed.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
    /// What it shows; ends when the command does.
    pub output: BoxStream<'static, Result<Bytes, TargetError>>,
    /// Its size and its end.
    pub control: TerminalControl,
}

/// What else can be done with a terminal. Dropping it ends a process node's command.
pub struct TerminalControl(Kind);

enum Kind {
    Engine { engine: Arc<dyn Engine>, exec: String },
    Process { pty: Pty, child: Child },
}

/// Runs a command on a terminal. Not bounded in time: the caller ends it by dropping it.
pub async fn open(means: &Means, target: Option<&Target>, request: TerminalRequest) -> Result<Terminal, TargetError> {
    match target {
        None => Err(TargetError::NotRunning),
        Some(Target::Container { id, .. }) => {
            let engine = Arc::clone(means.engine()?);
            let EngineTerminal { exec, input, output } = engine.exec_terminal(id, request).await?;
            let output = output.map(|chunk| chunk.map_err(TargetError::from)).boxed();
            Ok(Terminal { input, output, control: TerminalControl(Kind::Engine { engine, exec }) })
        }
        Some(Target::Process { dir }) => open_process(&means.program, dir, request),
    }
}

fn open_process(program: &Path, dir: &Path, request: TerminalRequest) -> Result<Terminal, TargetError> {
    let failed = kernel("open a terminal");
    let (pty, program_end) = Pty::open(request.size).map_err(&failed)?;
    let end = || program_end.try_clone().map(Stdio::from).map_err(&failed);
    // Without a token a complaint of the launcher's is shown on the terminal as it is.
    let mut command = launcher(program, dir, &Token::given("throng:".to_owned()));
    command.arg("--terminal").arg("--").args(&request.argv).envs(marked(request.env));
    command.stdin(end()?).stdout(end()?).stderr(end()?);
    let child = command.spawn().map_err(kernel("run the launcher"))?;
    // The command keeps copies of the other end: they must not outlive the program's own.
    drop((command, program_end));
    let output = pty.output().map_err(&failed)?.map(|chunk| chunk.map_err(kernel("read the terminal"))).boxed();
    Ok(Terminal {
        input: Box::pin(pty.input().map_err(&failed)?),
        output,
        control: TerminalControl(Kind::Process { pty, child }),
    })
}

impl TerminalControl {
    /// Tells the command how large its terminal is.
    pub async fn resize(&self, size: TerminalSize) -> Result<(), TargetError> {
        match &self.0 {
            Kind::Engine { engine, exec } => Ok(engine.resize_terminal(exec, size).await?),
            Kind::Process { pty, .. } => pty.resize(size).map_err(kernel("resize the terminal")),
        }
    }

    /// Waits for the command's end, which is near once its output has ended; gives its exit code.
    pub async fn exit_code(&mut self) -> Result<i64, TargetError> {
        match &mut self.0 {
            Kind::Process { child, .. } => child.wait().await.map(exit_code).map_err(kernel("wait for the command")),
            Kind::Engine { engine, exec } => {
                let deadline = Instant::now() + EXIT_CODE_DEADLINE;
                loop {
                    match engine.terminal_exit_code(exec).await? {
                        Some(code) => return Ok(code),
                        None if Instant::now() > deadline => {
                            let still = std::io::Error::other("it runs on though its terminal is closed");
                            return Err(kernel("wait for the command")(still));
                        }
                        None => sleep(EXIT_CODE_RETRY).await,
                    }
                }
            }
        }
    }
}
