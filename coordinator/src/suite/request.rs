//! What `exec` and `http` steps ask of a node, filled in for it, and how many of them are asked at once.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::select_all;
use throng_common::ids::NodeName;
use throng_common::scenario::steps::{Action, Step};

use super::expect::{Answer, AnswerEnd, Expectation, Miss};
use super::ops::{ClusterOps, ExecOptions, ExecResult, FetchOptions, FetchResult, FillTexts, OpError, OpStream};
use crate::planner::texts::{Saved, TextError};
use crate::report::model::Cause;

/// Most bytes of output that a fan-out keeps in all: 1000 nodes must not fill the coordinator's memory.
const OUTPUT_TOTAL_BYTES: u64 = 64 << 20;

/// Most and fewest bytes kept of one node.
const OUTPUT_NODE_BYTES: (u64, u64) = (64 << 10, 1 << 20);

/// Environment variables, or headers.
type Table = BTreeMap<String, String>;

/// A request to one node, with what its answer must be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    /// What is asked.
    pub(super) payload: Payload,
    /// What the answer must be.
    pub(super) expectation: Expectation,
}

/// What is asked of a node. What all nodes share is grouped again by [`ask`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Payload {
    /// To run a command.
    Exec {
        /// Program and arguments.
        command: Vec<String>,
        /// Standard input.
        stdin: String,
        /// Environment variables.
        env: Table,
    },
    /// To fetch a URL.
    Fetch {
        /// The URL.
        url: String,
        /// The method.
        method: String,
        /// The headers.
        headers: Table,
        /// The body.
        body: String,
    },
}

/// What a node answered.
#[derive(Debug)]
pub(super) struct NodeAnswer {
    /// The node.
    pub(super) node: NodeName,
    /// The answer.
    pub(super) result: Result<Answer, OpError>,
    /// How long it took.
    pub(super) took: Duration,
}

/// Fills in what a step asks of a node; none for steps that ask no nodes.
pub(super) fn resolve(
    texts: &dyn FillTexts,
    step: &Step,
    action: &Action<'_>,
    node: &NodeName,
    saved: &Saved,
) -> Result<Option<Request>, TextError> {
    let fill = |text: &str| texts.fill(text, Some(node), saved);
    let table = |table: &BTreeMap<String, String>| {
        table.iter().map(|(name, text)| Ok((name.clone(), fill(text)?))).collect::<Result<BTreeMap<_, _>, TextError>>()
    };
    let payload = match action {
        Action::Exec { command, .. } => Payload::Exec {
            command: command.iter().map(|word| fill(word)).collect::<Result<_, _>>()?,
            stdin: fill(step.stdin.as_deref().unwrap_or_default())?,
            env: table(&step.env)?,
        },
        Action::Http { url, .. } => Payload::Fetch {
            url: fill(url)?,
            method: step.method.clone().unwrap_or_else(|| if step.body.is_some() { "POST" } else { "GET" }.to_owned()),
            headers: table(&step.headers)?,
            body: fill(step.body.as_deref().unwrap_or_default())?,
        },
        Action::Program { .. }
        | Action::Check { .. }
        | Action::Kill { .. }
        | Action::Restart { .. }
        | Action::Scale { .. }
        | Action::WaitFor { .. }
        | Action::WaitUp
        | Action::Parallel { .. } => return Ok(None),
    };
    Ok(Some(Request { payload, expectation: Expectation::resolve(step.expect.as_ref(), fill)? }))
}

/// Asks nodes, all at once; the answers come as they are there.
pub(super) fn ask(
    ops: &dyn ClusterOps,
    requests: Vec<(NodeName, Payload)>,
    timeout: Duration,
) -> OpStream<'_, NodeAnswer> {
    let nodes = u64::try_from(requests.len()).unwrap_or(u64::MAX).max(1);
    let (least, most) = OUTPUT_NODE_BYTES;
    let output_max_bytes = (OUTPUT_TOTAL_BYTES / nodes).clamp(least, most);
    let mut commands: BTreeMap<_, Vec<(NodeName, Vec<String>)>> = BTreeMap::new();
    let mut targets: BTreeMap<_, Vec<(NodeName, String)>> = BTreeMap::new();
    for (node, payload) in requests {
        match payload {
            Payload::Exec { command, stdin, env } => commands.entry((stdin, env)).or_default().push((node, command)),
            Payload::Fetch { url, method, headers, body } => {
                targets.entry((method, headers, body)).or_default().push((node, url));
            }
        }
    }
    let execs = commands.into_iter().map(|((stdin, env), commands)| {
        let options = ExecOptions { stdin: stdin.into_bytes(), env, timeout, output_max_bytes };
        ops.exec(commands, options).map(from_exec).boxed()
    });
    let fetches = targets.into_iter().map(|((method, headers, body), targets)| {
        let options = FetchOptions { method, headers, body: body.into_bytes(), timeout, output_max_bytes };
        ops.fetch(targets, options).map(from_fetch).boxed()
    });
    select_all(execs.chain(fetches)).boxed()
}

fn from_exec(ExecResult { node, result, took }: ExecResult) -> NodeAnswer {
    let answer = result.map(|output| Answer {
        end: AnswerEnd::Exit(output.code),
        output: text(output.stdout),
        stderr: text(output.stderr),
        truncated: output.truncated,
    });
    NodeAnswer { node, result: answer, took }
}

fn from_fetch(FetchResult { node, result, took }: FetchResult) -> NodeAnswer {
    let answer = result.map(|output| Answer {
        end: AnswerEnd::Status(output.status),
        output: text(output.body),
        stderr: String::new(),
        truncated: output.truncated,
    });
    NodeAnswer { node, result: answer, took }
}

/// Output as text: what is no UTF-8 is replaced, never a reason to fail.
pub(super) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Why an operation without a result is a miss.
pub(super) fn miss(error: &OpError) -> Miss {
    let cause = match error {
        OpError::TimedOut(_) | OpError::CutOff { .. } => Cause::TimedOut,
        OpError::NoAnswer(_) => Cause::NoAnswer,
        OpError::HostLost(_) => Cause::HostLost,
        OpError::Refused(_) => Cause::WrongValue,
    };
    let mut miss = Miss::new(cause, error.to_string());
    if let OpError::CutOff { stdout, stderr, .. } = error {
        miss.detail = super::expect::detail("stdout", &text(stdout.clone()), &text(stderr.clone()));
    }
    miss
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_a_command_had_written_when_it_was_cut_off_stands_in_the_details() {
        let (after, stdout, stderr) = (Duration::from_secs(3), b"begun\n".to_vec(), b"slow\n".to_vec());
        let miss = miss(&OpError::CutOff { after, stdout, stderr });
        assert_eq!((miss.cause, miss.message.as_str()), (Cause::TimedOut, "no end within 3s"));
        assert_eq!(miss.detail, "stderr:\nslow\nstdout:\nbegun");
    }
}
