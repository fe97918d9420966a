//! `Terminal`: one command on a terminal, its bytes both ways.

use futures_util::StreamExt as _;
use throng_proto::agent as wire;
use throng_proto::convert::DecodeError;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use wire::terminal_input::Input;
use wire::terminal_output::Output;

use super::context::Context;
use super::error::ServiceError;
use super::request::{TerminalStart, terminal_size};
use crate::exec::target::{TargetError, kernel};
use crate::exec::terminal::{self, Terminal};

/// Messages on their way to a caller who reads slowly; then the command waits.
const QUEUE_MESSAGES: usize = 64;

type Outputs = mpsc::Sender<Result<wire::TerminalOutput, Status>>;

/// Opens the terminal that the first message asks for, and passes bytes on until the command ends or the caller goes.
pub(super) async fn open(
    context: &Context,
    mut inputs: Streaming<wire::TerminalInput>,
) -> Result<ReceiverStream<Result<wire::TerminalOutput, Status>>, ServiceError> {
    let first = inputs.message().await.map_err(|status| ServiceError::Caller(Box::new(status)))?;
    let Some(Input::Start(start)) = first.and_then(|first| first.input) else {
        return Err(DecodeError::new("start", "is missing in the first message").into());
    };
    let TerminalStart { cluster, node, request } = start.try_into()?;
    let target = context.running_target(&cluster, &node);
    let opened = terminal::open(&context.means(), target.as_ref(), request).await?;
    let (outputs, queue) = mpsc::channel(QUEUE_MESSAGES);
    // Ends with the command or with the caller, whose stream's end closes both channels.
    tokio::spawn(async move {
        if let Err(error) = pass(opened, inputs, &outputs).await {
            // Nobody may be left to hear it.
            let _ = outputs.send(Err(ServiceError::from(error).into())).await;
        }
    });
    Ok(ReceiverStream::new(queue))
}

async fn pass(
    opened: Terminal,
    mut inputs: Streaming<wire::TerminalInput>,
    outputs: &Outputs,
) -> Result<(), TargetError> {
    let Terminal { mut input, mut output, mut control } = opened;
    {
        // A command that shows much before it reads on must not keep what it shows from being taken: each way by itself.
        let typed = async {
            while let Some(message) = inputs.message().await.ok().flatten().and_then(|message| message.input) {
                match message {
                    Input::Data(data) => {
                        input.write_all(&data).await.map_err(kernel("write to the terminal"))?;
                        input.flush().await.map_err(kernel("write to the terminal"))?;
                    }
                    Input::Size(size) => control.resize(terminal_size(size)).await?,
                    Input::Start(_) => {}
                }
            }
            Ok::<(), TargetError>(())
        };
        tokio::pin!(typed);
        let mut typing = true;
        loop {
            // All arms are cancel safe: a future that is kept, a next message, and a notice that does not go away.
            tokio::select! {
                () = outputs.closed() => return Ok(()),
                done = &mut typed, if typing => {
                    done?;
                    // The caller types no more; what the command shows still goes to it.
                    typing = false;
                }
                chunk = output.next() => {
                    let Some(chunk) = chunk else { break };
                    let data = Output::Data(chunk?);
                    if outputs.send(Ok(wire::TerminalOutput { output: Some(data) })).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }
    let code = i32::try_from(control.exit_code().await?).unwrap_or(i32::MAX);
    // The caller may have gone.
    let _ = outputs.send(Ok(wire::TerminalOutput { output: Some(Output::Code(code)) })).await;
    Ok(())
}
