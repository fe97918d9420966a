//! What the suite asks of a cluster: the narrow door behind which hosts, agents and gRPC lie.
//!
//! Every fan-out gives an outcome for every node that it was asked for; a node without one counts as not having
//! answered. Implementations enforce the timeouts that they are given.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use futures_util::Stream;
use throng_common::ids::{HostId, NodeName, RoleName};
use throng_common::scenario::signal::Signal;
use throng_common::span::Span;
use throng_common::status::NodeStatus;
use tokio::time::Instant;

use crate::planner::texts::{Saved, TextError};

/// A future of an operation.
pub type OpFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Outcomes of a fan-out, each as soon as it is there, so that one slow node does not hold up the others.
pub type OpStream<'a, T> = Pin<Box<dyn Stream<Item = T> + Send + 'a>>;

/// Fills texts in.
pub trait FillTexts: Send + Sync {
    /// Fills a text in: for a node, or for the cluster as a whole.
    fn fill(&self, text: &str, node: Option<&NodeName>, saved: &Saved) -> Result<String, TextError>;
}

/// A cluster that tests are run against.
pub trait ClusterOps: Send + Sync {
    /// All nodes that are desired now, by role and index.
    fn nodes(&self) -> Vec<NodeName>;

    /// The hosts of all desired nodes.
    fn places(&self) -> BTreeMap<NodeName, HostId>;

    /// What these hosts have, as far as it is known.
    fn hosts(&self) -> BTreeMap<HostId, HostSize>;

    /// What was last seen of a node; none: nothing yet, or there is no such node.
    fn status(&self, node: &NodeName) -> Option<NodeStatus>;

    /// What fills texts in, with the nodes as they are now. Made once for all nodes of a step.
    fn texts(&self) -> Box<dyn FillTexts>;

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

    /// Changes counts, and returns when every host holds the new desired state and nothing is left of the nodes that
    /// went: no container, no ramdisk, no reserved port. Nodes that come are on their way then.
    fn scale(&self, counts: BTreeMap<RoleName, u32>, deadline: Instant) -> OpFuture<'_, Result<(), ScaleError>>;

    /// Waits until every desired node is ready, and seen by the system under test where its role says how, in an answer
    /// to a question of after the call.
    fn wait_up(&self, deadline: Instant) -> OpFuture<'_, Result<(), Vec<MissingNode>>>;

    /// The last bytes of a file in a node, `max_bytes` at the most.
    fn collect(&self, node: NodeName, path: String, max_bytes: u64) -> OpFuture<'_, Result<Vec<u8>, OpError>>;

    /// The last lines of nodes' logs.
    fn logs(&self, nodes: Vec<NodeName>, tail_lines: u32) -> OpFuture<'_, Vec<(NodeName, Result<String, OpError>)>>;
}

/// What a host has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostSize {
    /// Its cores.
    pub cores: u32,
    /// Its memory.
    pub memory_bytes: u64,
}

/// Why an operation has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpError {
    /// It took longer than it may.
    #[error("no end within {}", Span(*.0))]
    TimedOut(Duration),
    /// A command was killed when its time was over.
    #[error("no end within {}", Span(*.after))]
    CutOff {
        /// Its time.
        after: Duration,
        /// What it had written by then.
        stdout: Vec<u8>,
        /// To standard error.
        stderr: Vec<u8>,
    },
    /// The node, or its host, does not answer.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// Throng itself lost the node's host: whether it was done is not known.
    #[error("no answer: {0}")]
    HostLost(String),
    /// It was refused: asking again would not help.
    #[error("{0}")]
    Refused(String),
}

/// Why counts were not changed, or not all the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScaleError {
    /// They were not changed.
    Op(OpError),
    /// They were, and of these nodes something is left at the deadline.
    Left(Vec<MissingNode>),
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

/// What became of one node's part of a fan-out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeResult<T> {
    /// The node.
    pub node: NodeName,
    /// What it came to.
    pub result: Result<T, OpError>,
    /// How long it took.
    pub took: Duration,
}

/// What became of a command in a node.
pub type ExecResult = NodeResult<ExecOutput>;

/// What became of a fetch.
pub type FetchResult = NodeResult<FetchOutput>;

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

/// A node that is not as it should be: not up, or not gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingNode {
    /// The node; none: the system under test has not said which.
    pub node: Option<NodeName>,
    /// What is in the way, worded alike for nodes with the same obstacle: "backoff: exited with code 1".
    pub what: String,
}
