//! `throng exec -it`: one node's command on this terminal.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use throng_common::verdict::Outcome;
use throng_proto::operator::terminal_input::Input;
use throng_proto::operator::terminal_output::Output;
use throng_proto::operator::{TerminalInput, TerminalSize, TerminalStart};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::command::ExecArgs;
use crate::cli::context::Context;
use crate::cli::error::CliError;

/// Inputs under way to the node: typing is slow, pasting waits.
const INPUTS_MAX: usize = 64;
/// Most that is read from the keyboard at once.
const READ_MAX_BYTES: usize = 4096;
/// Assumed where the terminal does not say.
const SIZE_DEFAULT: TerminalSize = TerminalSize { rows: 24, columns: 80 };

/// Runs it.
pub(super) async fn run(context: &Context, args: ExecArgs) -> Result<Outcome, CliError> {
    if !args.terminal.interactive {
        return Err(CliError::refused("-t alone takes no keys", "write -it"));
    }
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(CliError::refused("-it needs a terminal", "leave -it out to pipe into the command"));
    }
    let mut client = context.client().await?;
    let (inputs, receiver) = mpsc::channel(INPUTS_MAX);
    let start = TerminalStart {
        cluster: args.cluster.id(),
        node: args.selector,
        command: args.command,
        size: Some(size()),
        term: std::env::var("TERM").unwrap_or_default(),
    };
    let queued = inputs.send(TerminalInput { input: Some(Input::Start(start)) }).await;
    queued.expect("the receiver is held until the call");
    let mut outputs = client.terminal(ReceiverStream::new(receiver)).await?.into_inner();
    let resized = signal(SignalKind::window_change())
        .map_err(|source| CliError::Terminal { action: "tell when its size changes", source })?;
    let raw = RawMode::enter()?;
    read_keys(inputs.clone());
    // Not awaited: it ends with the call, when nobody receives any more.
    let resizing = tokio::spawn(send_sizes(resized, inputs));
    let ended = relay(&mut outputs).await;
    resizing.abort();
    drop(raw);
    let code = ended?;
    if code != 0 {
        context.printer.note(&format!("exit code {code}"));
    }
    Ok(if code == 0 { Outcome::Pass } else { Outcome::Failed })
}

/// Prints what comes until the command ends; its exit code.
async fn relay(outputs: &mut tonic::Streaming<throng_proto::operator::TerminalOutput>) -> Result<i32, CliError> {
    while let Some(message) = outputs.message().await? {
        match message.output {
            Some(Output::Data(data)) => {
                let mut stdout = std::io::stdout().lock();
                stdout.write_all(&data)?;
                stdout.flush()?;
            }
            Some(Output::Code(code)) => return Ok(code),
            None => {}
        }
    }
    Err(CliError::answer("Terminal ended without an exit code"))
}

/// A thread of its own, which ends with the process: a read of the keyboard cannot be cancelled.
fn read_keys(inputs: mpsc::Sender<TerminalInput>) {
    std::thread::spawn(move || {
        let mut buffer = [0; READ_MAX_BYTES];
        let mut stdin = std::io::stdin().lock();
        while let Ok(count @ 1..) = stdin.read(&mut buffer) {
            let data = bytes::Bytes::copy_from_slice(&buffer[..count]);
            if inputs.blocking_send(TerminalInput { input: Some(Input::Data(data)) }).is_err() {
                break;
            }
        }
    });
}

async fn send_sizes(mut resized: Signal, inputs: mpsc::Sender<TerminalInput>) {
    while resized.recv().await.is_some() {
        if inputs.send(TerminalInput { input: Some(Input::Size(size())) }).await.is_err() {
            break;
        }
    }
}

fn size() -> TerminalSize {
    terminal_size::terminal_size()
        .map_or(SIZE_DEFAULT, |(width, height)| TerminalSize { rows: height.0.into(), columns: width.0.into() })
}

/// The terminal passes every key on as long as this lives.
#[derive(Debug)]
struct RawMode {
    before: Termios,
}

impl RawMode {
    fn enter() -> Result<Self, CliError> {
        let refused = |source: nix::Error| CliError::Terminal { action: "raw mode", source: source.into() };
        let stdin = std::io::stdin();
        let before = tcgetattr(stdin.as_fd()).map_err(refused)?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(stdin.as_fd(), SetArg::TCSADRAIN, &raw).map_err(refused)?;
        Ok(Self { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // Nothing can be done for a terminal that is gone.
        let _ = tcsetattr(std::io::stdin().as_fd(), SetArg::TCSADRAIN, &self.before);
    }
}
