//! What the suite asks of a cluster: the narrow door behind which hosts, agents and gRPC lie.
//!
//! Every fan-out gives an outcome for every node that it was asked for; a node without one counts as not having
//! answered. Implementations enforce the timeouts that they are given.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use futures_util::Stream;
use throng_common::ids::{NodeName, RoleName};
use throng_common::scenario::signal::Signal;
use throng_common::span::Span;
use throng_common::status::NodeStatus;
use tokio::time::Instant;

use crate::planner::texts::{Saved, TextError};

/// A future of an operation.
pub type OpFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Outcomes of a fan-out, each as soon as it is there, so that one slow node does not hold up the others.
pub type OpStream<'a, T> = Pin<Box<dyn Stream<Item = T> + Send + 'a>>;

/// A cluster that tests are run against.
pub trait ClusterOps: Send + Sync {
    /// All nodes that are desired now, by role and index.
    fn nodes(&self) -> Vec<NodeName>;

    /// What was last seen of a node; none: nothing yet, or there is no such node.
    fn status(&self, node: &NodeName) -> Option<NodeStatus>;

    /// Fills a text in: for a node, or for the cluster as a whole.
    fn resolve(&self, text: &str, node: Option<&NodeName>, saved: &Saved) -> Result<String, TextError>;

    /// The cluster as programs get it: [`crate::planner::description::ClusterDescription`] as JSON.
    fn describe(&self) -> serde_json::Value;

    /// Runs commands, each in its node.
    fn exec(&self, commands: Vec<(NodeName, Vec<String>)>, options: ExecOptions) -> OpStream<'_, ExecResult>;

    /// Fetches URLs, each from the host of its node.
    fn fetch(&self, targets: Vec<(NodeName, String)>, options: FetchOptions) -> OpStream<'_, FetchResult>;

    /// Sends a signal to the first process of each node.
    fn signal(&self, nodes: Vec<NodeName>, signal: Signal) -> OpFuture<'_, Vec<(NodeName, Result<(), OpError>)>>;

    /// Has nodes stopped and started again: raises their incarnation and returns.
    fn restart(&self, nodes: Vec<NodeName>) -> OpFuture<'_, Vec<(NodeName, Result<(), OpError>)>>;

    /// Changes counts, and returns when the new desired state is with the hosts.
    fn scale(&self, counts: BTreeMap<RoleName, u32>) -> OpFuture<'_, Result<(), OpError>>;

    /// Waits until every desired node is ready, and seen by the system under test where its role says how.
    fn wait_up(&self, deadline: Instant) -> OpFuture<'_, Result<(), Vec<MissingNode>>>;

    /// The last bytes of a file in a node, `max_bytes` at the most.
    fn collect(&self, node: NodeName, path: String, max_bytes: u64) -> OpFuture<'_, Result<Vec<u8>, OpError>>;

    /// The last lines of nodes' logs.
    fn logs(&self, nodes: Vec<NodeName>, tail_lines: u32) -> OpFuture<'_, Vec<(NodeName, Result<String, OpError>)>>;
}

/// Why an operation has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpError {
    /// It took longer than it may.
    #[error("no end within {}", Span(*.0))]
    TimedOut(Duration),
    /// The node, or its host, does not answer.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// It was refused: asking again would not help.
    #[error("{0}")]
    Refused(String),
}

/// How commands are run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecOptions {
    /// Standard input.
    pub stdin: Vec<u8>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// How long each may take.
    pub timeout: Duration,
    /// Most bytes kept of standard output and of standard error each, for every node.
    pub output_max_bytes: u64,
}

/// What became of a command in a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecResult {
    /// The node.
    pub node: NodeName,
    /// What it came to.
    pub result: Result<ExecOutput, OpError>,
    /// How long it took.
    pub took: Duration,
}

/// What a command said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecOutput {
    /// The exit code; 128 and the signal's number where a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Whether there was more output than is kept.
    pub truncated: bool,
}

/// How URLs are fetched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FetchOptions {
    /// The method, like `GET`.
    pub method: String,
    /// The headers.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
    /// How long each may take.
    pub timeout: Duration,
    /// Most bytes of the answer's body that are kept.
    pub output_max_bytes: u64,
}

/// What became of a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchResult {
    /// The node.
    pub node: NodeName,
    /// What it came to.
    pub result: Result<FetchOutput, OpError>,
    /// How long it took.
    pub took: Duration,
}

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FetchOutput {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// Whether there was more of it than is kept.
    pub truncated: bool,
}

/// A node that is not up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingNode {
    /// The node.
    pub node: NodeName,
    /// What it lacks, worded alike for nodes that lack the same: "backoff: exited with code 1".
    pub what: String,
}
