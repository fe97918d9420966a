//! Logs of nodes.

use std::collections::HashMap;
use std::sync::Arc;

use throng_common::ids::{HostId, NodeName};
use throng_proto::{agent, operator as wire};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::cluster::select;
use super::service::{ApiService, Streamed};
use super::status::{invalid, of_core};
use crate::clock;
use crate::core::Core;
use crate::fleet::{FleetError, LinkStream};

/// Messages that may wait for a slow reader.
const STREAM_QUEUE: usize = 64;

impl ApiService {
    pub(super) fn read_logs(&self, request: wire::LogsRequest) -> Result<Streamed<wire::LogBatch>, Status> {
        let cluster = self.core.find(&request.cluster).map_err(of_core)?;
        if let Err(error) = regex::Regex::new(&request.grep) {
            return Err(invalid("grep", error));
        }
        let nodes = select(&cluster, &request.selector)?;
        let (sender, receiver) = mpsc::channel(STREAM_QUEUE);
        for (host, nodes) in cluster.place(nodes.into_iter().map(|node| (node, ())).collect()).hosts {
            let nodes: Vec<NodeName> = nodes.into_iter().map(|(node, ())| node).collect();
            let asked = agent::LogsRequest {
                cluster: cluster.record().id.to_string(),
                nodes: nodes.iter().map(ToString::to_string).collect(),
                tail_lines: request.tail_lines,
                since_unix_millis: request.since_unix_millis,
                follow: request.follow,
                grep: request.grep.clone(),
                after_unix_nanos: HashMap::new(),
            };
            self.core.tasks.spawn(host_logs(Arc::clone(&self.core), host, asked, sender.clone()));
        }
        Ok(Box::pin(ReceiverStream::new(receiver)))
    }
}

/// Sends on what the nodes of a host wrote. A follower of one that goes away goes on where it was once that is back.
async fn host_logs(
    core: Arc<Core>,
    host: HostId,
    mut asked: agent::LogsRequest,
    sender: mpsc::Sender<Result<wire::LogBatch, Status>>,
) {
    core.fleet.await_back(&host).await;
    let began = clock::now();
    let mut is_back = false;
    let problem = loop {
        let rpc = |mut agent: agent::agent_client::AgentClient<_>, request| async move { agent.logs(request).await };
        let open = || core.fleet.open(&host, asked.clone(), rpc);
        let opening = async { if is_back { core.fleet.patiently(&host, open).await } else { open().await } };
        // Nobody may listen any more while nothing is written that could show it; a call that is dropped is none.
        let opened = tokio::select! {
            () = sender.closed() => return,
            opened = opening => opened,
        };
        let error = match opened {
            Ok(stream) => match relay(stream, &sender, &mut asked.after_unix_nanos).await {
                Some(error) => error,
                None => return,
            },
            Err(error) => break error,
        };
        if !asked.follow || !error.is_away() {
            break error;
        }
        is_back = true;
        // Of nodes that had said nothing yet: all that they say since.
        if asked.tail_lines.take().is_some() {
            asked.since_unix_millis = asked.since_unix_millis.max(Some(began.0));
        }
    };
    // Every node of a host that does not answer is named: none is left out silently.
    let line = |node: &String| wire::LogLine {
        node: node.clone(),
        error: Some(problem.to_string()),
        ..wire::LogLine::default()
    };
    let _ = sender.send(Ok(wire::LogBatch { lines: asked.nodes.iter().map(line).collect() })).await;
}

/// Sends on until the stream ends, and notes by node the time of the last line that was sent. Gives why the stream broke
/// off; none where it ended, or nobody listens any more.
async fn relay(
    mut stream: LinkStream<agent::LogBatch>,
    sender: &mpsc::Sender<Result<wire::LogBatch, Status>>,
    last: &mut HashMap<String, u64>,
) -> Option<FleetError> {
    loop {
        // Both are cancel safe.
        let next = tokio::select! {
            () = sender.closed() => return None,
            next = stream.next() => next,
        };
        let batch = match next {
            Ok(batch) => batch?,
            Err(error) => return Some(error),
        };
        for line in batch.lines.iter().filter(|line| line.at_unix_nanos > 0) {
            let known = last.entry(line.node.clone()).or_default();
            *known = line.at_unix_nanos.max(*known);
        }
        let lines = batch.lines.into_iter().map(log_line).collect();
        if sender.send(Ok(wire::LogBatch { lines })).await.is_err() {
            return None;
        }
    }
}

fn log_line(line: agent::LogLine) -> wire::LogLine {
    wire::LogLine {
        node: line.node,
        at_unix_millis: line.at_unix_millis,
        stderr: line.stderr,
        text: line.text,
        error: line.error,
    }
}
