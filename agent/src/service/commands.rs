//! `Exec`, `Fetch` and `Signal`: many nodes at a time, an outcome for every one of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{self, Stream, StreamExt as _};
use throng_common::error_chain::chain;
use throng_common::ids::NodeName;
use throng_failpoints::{Point, hit};
use throng_proto::agent as wire;

use super::context::Context;
use super::request::{Exec, Fetch, SendSignal};
use crate::exec::fan_out::{ExecOutcome, Job, run_all};
use crate::exec::signal::kill;
use crate::fetch::{self, Answer, FetchError, Target};
use crate::host::engine::model::{ExecEnd, ExecOutput};

/// Requests under way at once: each costs a socket, and bodies are held in memory.
const FETCHES_AT_ONCE: usize = 32;
/// Signals under way at once: containers' go through the engine.
const SIGNALS_AT_ONCE: usize = 16;

/// Runs the commands.
pub(super) fn exec(context: &Context, request: Exec) -> impl Stream<Item = wire::ExecOutcome> + Send + use<> {
    let Exec { cluster, commands, parallel } = request;
    let job = |(node, request)| Job { target: context.running_target(&cluster, &node), node, request };
    let jobs = commands.into_iter().map(job).collect();
    run_all(context.means(), jobs, parallel).map(exec_outcome)
}

fn exec_outcome(outcome: ExecOutcome) -> wire::ExecOutcome {
    let mut told = wire::ExecOutcome {
        node: outcome.node.to_string(),
        took_micros: micros(outcome.took),
        ..wire::ExecOutcome::default()
    };
    let output = match outcome.result {
        Ok(ExecEnd::Done(output)) => output,
        Ok(ExecEnd::TimedOut(output)) => {
            told.timed_out = true;
            output
        }
        Err(error) => {
            told.error = Some(chain(&error));
            return told;
        }
    };
    let ExecOutput { code, stdout, stderr, truncated } = output;
    told.code = i32::try_from(code).unwrap_or(i32::MAX);
    wire::ExecOutcome { stdout: stdout.into(), stderr: stderr.into(), truncated, ..told }
}

/// Fetches the URLs.
pub(super) fn fetch(request: Fetch) -> impl Stream<Item = wire::FetchOutcome> + Send {
    let Fetch { targets, request, timeout, output_max_bytes } = request;
    let request = Arc::new(request);
    let one = move |(node, url): (NodeName, String)| {
        let request = Arc::clone(&request);
        async move {
            let begun = Instant::now();
            let asked = async { fetch::send(&Target::parse(&url)?, &request, output_max_bytes).await };
            let answer = tokio::time::timeout(timeout, asked).await;
            fetch_outcome(&node, answer.ok(), timeout, begun.elapsed())
        }
    };
    stream::iter(targets).map(one).buffer_unordered(FETCHES_AT_ONCE)
}

fn fetch_outcome(
    node: &NodeName,
    answer: Option<Result<Answer, FetchError>>,
    timeout: Duration,
    took: Duration,
) -> wire::FetchOutcome {
    let told =
        wire::FetchOutcome { node: node.to_string(), took_micros: micros(took), ..wire::FetchOutcome::default() };
    match answer {
        Some(Ok(Answer { status, body, truncated })) => {
            wire::FetchOutcome { status: u32::from(status), body: body.into(), truncated, ..told }
        }
        Some(Err(error)) => wire::FetchOutcome { error: Some(chain(&error)), ..told },
        None => wire::FetchOutcome { error: Some(format!("no answer within {timeout:?}")), timed_out: true, ..told },
    }
}

/// Sends the signal.
pub(super) async fn signal(context: &Context, request: SendSignal) -> wire::SignalReply {
    let SendSignal { cluster, nodes, signal } = request;
    let means = context.means();
    let targets: Vec<_> = nodes.into_iter().map(|node| (context.target(&cluster, &node), node)).collect();
    let one = |(target, node)| {
        let means = &means;
        async move {
            hit(Point::SignalSending);
            let result = kill(means, Option::as_ref(&target), signal).await;
            hit(Point::Signalled);
            wire::SignalOutcome { node: NodeName::to_string(&node), error: result.err().map(|error| chain(&error)) }
        }
    };
    let outcomes = stream::iter(targets).map(one).buffer_unordered(SIGNALS_AT_ONCE).collect().await;
    wire::SignalReply { outcomes }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
