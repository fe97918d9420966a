//! Commands, terminals, logs and files in nodes.

use std::collections::BTreeMap;
use std::time::Duration;

use throng_common::ids::{HostId, NodeName};
use throng_proto::{agent, operator as wire};
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::cluster::select;
use super::service::{ApiService, Streamed};
use super::status::{invalid, of_core, of_fleet};
use crate::cluster::LiveCluster;
use crate::suite::ops::{ExecOptions, OpError};

/// How long a command may take where the caller does not say.
const EXEC_TIMEOUT: Duration = Duration::from_secs(60);

/// Output kept of a node where the caller does not say.
const OUTPUT_MAX_BYTES: u64 = 1 << 20;

/// Messages that may wait for a slow reader.
const STREAM_QUEUE: usize = 64;

impl ApiService {
    pub(super) fn run_exec(&self, request: wire::ExecRequest) -> Result<Streamed<wire::ExecOutcome>, Status> {
        if request.command.is_empty() {
            return Err(invalid("command", "is empty"));
        }
        let cluster = self.core.find(&request.cluster).map_err(of_core)?;
        let nodes = select(&cluster, &request.selector)?;
        let options = ExecOptions {
            stdin: request.stdin.into(),
            env: BTreeMap::new(),
            timeout: or(request.timeout_millis, EXEC_TIMEOUT),
            output_max_bytes: if request.output_max_bytes == 0 { OUTPUT_MAX_BYTES } else { request.output_max_bytes },
        };
        let commands = nodes.into_iter().map(|node| (node, request.command.clone())).collect();
        let outcomes = self.core.exec(&cluster, commands, &options, request.parallel);
        let to_wire = |result: crate::suite::ops::ExecResult| {
            let took_micros = u64::try_from(result.took.as_micros()).unwrap_or(u64::MAX);
            let node = result.node.to_string();
            Ok(match result.result {
                Ok(output) => wire::ExecOutcome {
                    node,
                    error: None,
                    code: output.code,
                    stdout: output.stdout.into(),
                    stderr: output.stderr.into(),
                    truncated: output.truncated,
                    took_micros,
                },
                Err(error) => {
                    let told = Some(words(&error));
                    // What it had written when it was killed says why it took so long.
                    let (stdout, stderr) = match error {
                        OpError::CutOff { stdout, stderr, .. } => (stdout.into(), stderr.into()),
                        _ => Default::default(),
                    };
                    let none = wire::ExecOutcome::default();
                    wire::ExecOutcome { node, error: told, stdout, stderr, took_micros, ..none }
                }
            })
        };
        Ok(Box::pin(ReceiverStream::new(outcomes).map(to_wire)))
    }

    pub(super) async fn read_node_file(
        &self,
        request: wire::ReadFileRequest,
    ) -> Result<Streamed<wire::FileChunk>, Status> {
        let (cluster, node, host) = self.place(&request.cluster, &request.node)?;
        let asked = agent::ReadFileRequest {
            cluster: cluster.record().id.to_string(),
            node: node.to_string(),
            path: request.path,
            max_bytes: request.max_bytes,
            tail: request.tail,
        };
        let rpc =
            |mut agent: agent::agent_client::AgentClient<_>, request| async move { agent.read_file(request).await };
        self.core.fleet.await_back(&host).await;
        let mut stream = self.core.fleet.open(&host, asked, rpc).await.map_err(|error| of_fleet(&error))?;
        let (sender, receiver) = mpsc::channel(STREAM_QUEUE);
        self.core.tasks.spawn(async move {
            loop {
                let message = match stream.next().await {
                    Ok(Some(chunk)) => Ok(wire::FileChunk { data: chunk.data }),
                    Ok(None) => return,
                    Err(error) => Err(of_fleet(&error)),
                };
                let last = message.is_err();
                if sender.send(message).await.is_err() || last {
                    return;
                }
            }
        });
        Ok(Box::pin(ReceiverStream::new(receiver)))
    }

    /// Hands a terminal through to the node's agent.
    pub(super) async fn open_terminal(
        &self,
        mut input: Streaming<wire::TerminalInput>,
    ) -> Result<Streamed<wire::TerminalOutput>, Status> {
        use wire::terminal_input::Input;
        let first = input.message().await?.and_then(|message| message.input);
        let Some(Input::Start(start)) = first else {
            return Err(invalid("input", "the first message must be `start`"));
        };
        let (cluster, node, host) = self.place(&start.cluster, &start.node)?;
        let begin = agent::TerminalInput {
            input: Some(agent::terminal_input::Input::Start(agent::TerminalStart {
                cluster: cluster.record().id.to_string(),
                node: node.to_string(),
                command: start.command,
                size: start.size.map(size),
                term: start.term,
            })),
        };
        let rest = input.filter_map(|message| match message.ok()?.input? {
            Input::Data(data) => Some(agent::TerminalInput { input: Some(agent::terminal_input::Input::Data(data)) }),
            Input::Size(to) => Some(agent::TerminalInput { input: Some(agent::terminal_input::Input::Size(size(to))) }),
            // A terminal is begun once.
            Input::Start(_) => None,
        });
        let messages = tokio_stream::once(begin).chain(rest);
        let rpc =
            |mut agent: agent::agent_client::AgentClient<_>, request| async move { agent.terminal(request).await };
        self.core.fleet.await_back(&host).await;
        let mut stream = self.core.fleet.open(&host, messages, rpc).await.map_err(|error| of_fleet(&error))?;
        let (sender, receiver) = mpsc::channel(STREAM_QUEUE);
        self.core.tasks.spawn(async move {
            loop {
                let message = match stream.next().await {
                    Ok(Some(output)) => Ok(wire::TerminalOutput { output: output.output.map(terminal_output) }),
                    Ok(None) => return,
                    Err(error) => Err(of_fleet(&error)),
                };
                let last = message.is_err();
                if sender.send(message).await.is_err() || last {
                    return;
                }
            }
        });
        Ok(Box::pin(ReceiverStream::new(receiver)))
    }

    fn place(&self, cluster: &str, node: &str) -> Result<(std::sync::Arc<LiveCluster>, NodeName, HostId), Status> {
        let cluster = self.core.find(cluster).map_err(of_core)?;
        let node: NodeName = node.parse().map_err(|error| invalid("node", error))?;
        let record = cluster.record();
        let host = record.plan.node(&node).map(|(host, _)| host.host.clone());
        let host = host.ok_or_else(|| {
            Status::not_found(format!("there is no node {node} in {}: `throng ps` lists them", record.id))
        })?;
        Ok((cluster, node, host))
    }
}

fn or(given_millis: u64, default: Duration) -> Duration {
    if given_millis == 0 { default } else { Duration::from_millis(given_millis) }
}

fn words(error: &OpError) -> String {
    error.to_string()
}

fn size(size: wire::TerminalSize) -> agent::TerminalSize {
    agent::TerminalSize { rows: size.rows, columns: size.columns }
}

fn terminal_output(output: agent::terminal_output::Output) -> wire::terminal_output::Output {
    match output {
        agent::terminal_output::Output::Data(data) => wire::terminal_output::Output::Data(data),
        agent::terminal_output::Output::Code(code) => wire::terminal_output::Output::Code(code),
    }
}
