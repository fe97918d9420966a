//! A cluster out of a script, for tests of the engine under paused time. It records what it is asked and answers what
//! the script says; it decides nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use throng_common::ids::{ClusterId, HostId, Incarnation, NodeName, RoleName};
use throng_common::scenario::placeholder::{NodeField, Placeholder, RoleField, render};
use throng_common::scenario::signal::Signal;
use throng_common::status::{NodePhase, NodeStatus, UnixMillis};
use tokio::time::{Instant, sleep, timeout};

use super::ops::{
    ClusterOps, ExecOptions, ExecOutput, ExecResult, FetchOptions, FetchOutput, FetchResult, FillTexts, HostSize,
    MissingNode, OpError, OpFuture, OpStream, ScaleError,
};
use crate::planner::texts::{Saved, TextError};

/// The one host of all its nodes.
pub(super) const HOST: &str = "local";

/// What a node is asked.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// The node.
    pub(super) node: NodeName,
    /// The command with spaces, or the URL.
    pub(super) text: String,
    /// How often this node was asked this, from 1.
    pub(super) attempt: u32,
    /// Time since the cluster was made.
    pub(super) at: Duration,
}

/// What it answers.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// This code (or HTTP status) and output, after so long.
    Say(Duration, i32, String),
    /// No outcome at all.
    Nothing,
    /// An error, after so long.
    Fail(Duration, OpError),
}

/// A quick answer with code 0.
pub(super) fn say(text: impl Into<String>) -> Reply {
    Reply::Say(Duration::from_millis(1), 0, text.into())
}

type Script = Box<dyn Fn(&Ask) -> Reply + Send + Sync>;

/// What happens to nodes that are signalled or restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// They run anew, with another pid.
    ComeBack,
    /// Nothing happens to them.
    Ignore,
}

/// A cluster out of a script.
pub(super) struct FakeCluster {
    began: Instant,
    script: Script,
    fate: Fate,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    nodes: BTreeMap<NodeName, NodeStatus>,
    asked: BTreeMap<(NodeName, String), u32>,
    log: Vec<String>,
    missing: Vec<NodeName>,
    unnamed: Option<String>,
    /// Nodes of which something stays however they are scaled away.
    stuck: Vec<NodeName>,
    texts_made: u32,
}

impl FakeCluster {
    pub(super) fn new(counts: &[(&str, u32)], script: impl Fn(&Ask) -> Reply + Send + Sync + 'static) -> Self {
        let mut state = State::default();
        for (role, count) in counts {
            set_count(&mut state, &RoleName::new(*role).unwrap(), *count);
        }
        Self { began: Instant::now(), script: Box::new(script), fate: Fate::ComeBack, state: Mutex::new(state) }
    }

    pub(super) fn with_fate(mut self, fate: Fate) -> Self {
        self.fate = fate;
        self
    }

    pub(super) fn with_unnamed(self, what: &str) -> Self {
        self.locked().unnamed = Some(what.to_owned());
        self
    }

    pub(super) fn with_missing(self, node: &str) -> Self {
        self.locked().missing.push(node.parse().unwrap());
        self
    }

    pub(super) fn with_stuck(self, node: &str) -> Self {
        self.locked().stuck.push(node.parse().unwrap());
        self
    }

    /// How often an index of all nodes was made to fill texts in.
    pub(super) fn texts_made(&self) -> u32 {
        self.locked().texts_made
    }

    pub(super) fn with_phase(self, node: &str, phase: NodePhase) -> Self {
        self.locked().nodes.get_mut(&node.parse().unwrap()).unwrap().phase = phase;
        self
    }

    /// What it was asked, in order: one line a call, `at ms what`.
    pub(super) fn log(&self) -> Vec<String> {
        self.locked().log.clone()
    }

    /// How often a node was asked something.
    pub(super) fn attempts(&self, node: &str, text: &str) -> u32 {
        self.locked().asked.get(&(node.parse().unwrap(), text.to_owned())).copied().unwrap_or(0)
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, text: String) {
        let line = format!("{} {text}", self.began.elapsed().as_millis());
        self.locked().log.push(line);
    }

    fn reply(&self, node: &NodeName, text: &str) -> Reply {
        let attempt = {
            let mut state = self.locked();
            let attempt = state.asked.entry((node.clone(), text.to_owned())).or_insert(0);
            *attempt += 1;
            *attempt
        };
        (self.script)(&Ask { node: node.clone(), text: text.to_owned(), attempt, at: self.began.elapsed() })
    }

    /// One node's outcome: the code and output, or none where the script gives nothing.
    async fn outcome(
        &self,
        node: &NodeName,
        text: String,
        limit: Duration,
    ) -> Option<(Result<(i32, String), OpError>, Duration)> {
        let began = Instant::now();
        let answer = async {
            match self.reply(node, &text) {
                Reply::Say(after, code, output) => {
                    sleep(after).await;
                    Some(Ok((code, output)))
                }
                Reply::Fail(after, error) => {
                    sleep(after).await;
                    Some(Err(error))
                }
                Reply::Nothing => None,
            }
        };
        let outcome = timeout(limit, answer).await.unwrap_or(Some(Err(OpError::TimedOut(limit))));
        outcome.map(|outcome| (outcome, began.elapsed()))
    }

    fn renew(&self, nodes: &[NodeName], restart: bool) {
        if self.fate == Fate::Ignore {
            return;
        }
        let mut state = self.locked();
        for node in nodes {
            if let Some(status) = state.nodes.get_mut(node) {
                status.pid = status.pid.map(|pid| pid + 1000);
                if restart {
                    status.incarnation = status.incarnation.next();
                } else {
                    status.restarts += 1;
                }
            }
        }
    }
}

fn set_count(state: &mut State, role: &RoleName, count: u32) {
    state.nodes.retain(|node, _| node.role() != role || node.index() < count);
    for index in 0..count {
        let node = NodeName::new(role.clone(), index);
        state.nodes.entry(node.clone()).or_insert_with(|| NodeStatus {
            cluster: ClusterId::new("fake-x7k2").unwrap(),
            node,
            phase: NodePhase::Ready,
            reason: None,
            incarnation: Incarnation(1),
            restarts: 0,
            container_id: None,
            image_id: None,
            pid: Some(100 + index),
            started_at: None,
            ready_at: None,
            observed_at: UnixMillis(0),
        });
    }
}

/// Knows its nodes' names and how many there are.
struct FakeTexts(Vec<NodeName>);

impl FillTexts for FakeTexts {
    fn fill(&self, text: &str, node: Option<&NodeName>, saved: &Saved) -> Result<String, TextError> {
        render(text, |placeholder| match (placeholder, node) {
            (Placeholder::Node(NodeField::Name), Some(node)) => Ok(node.to_string()),
            (Placeholder::Node(NodeField::Index), Some(node)) => Ok(node.index().to_string()),
            (Placeholder::Saved(name), _) => {
                saved.get(name).cloned().ok_or_else(|| TextError::Saved(placeholder.to_string()))
            }
            (Placeholder::Role { role, field: RoleField::Count, .. }, _) => {
                Ok(self.0.iter().filter(|node| node.role() == role).count().to_string())
            }
            _ => Err(TextError::NoNode(placeholder.to_string())),
        })
    }
}

impl ClusterOps for FakeCluster {
    fn nodes(&self) -> Vec<NodeName> {
        self.locked().nodes.keys().cloned().collect()
    }

    fn places(&self) -> BTreeMap<NodeName, HostId> {
        self.nodes().into_iter().map(|node| (node, HOST.parse().unwrap())).collect()
    }

    fn hosts(&self) -> BTreeMap<HostId, HostSize> {
        BTreeMap::from([(HOST.parse().unwrap(), HostSize { cores: 2, memory_bytes: 8 << 30 })])
    }

    fn status(&self, node: &NodeName) -> Option<NodeStatus> {
        self.locked().nodes.get(node).cloned()
    }

    fn texts(&self) -> Box<dyn FillTexts> {
        self.locked().texts_made += 1;
        Box::new(FakeTexts(self.nodes()))
    }

    fn describe(&self) -> serde_json::Value {
        serde_json::json!({
            "cluster": "fake-x7k2",
            "roles": {"primary": {"count": 1}, "worker": {"count": 2}},
            "nodes": [
                {"name": "primary-0000", "role": "primary", "address": "127.84.0.1", "ports": {"redis": 20000}},
            ],
        })
    }

    fn exec(&self, commands: Vec<(NodeName, Vec<String>)>, options: ExecOptions) -> OpStream<'_, ExecResult> {
        self.note(format!("exec on {} nodes: {}", commands.len(), commands[0].1.join(" ")));
        let stdin = String::from_utf8(options.stdin).unwrap();
        let run = move |(node, command): (NodeName, Vec<String>)| {
            let text = if stdin.is_empty() { command.join(" ") } else { format!("{} < {stdin}", command.join(" ")) };
            async move {
                let (outcome, took) = self.outcome(&node, text, options.timeout).await?;
                let result = outcome.map(|(code, stdout)| ExecOutput {
                    code,
                    stdout: stdout.into_bytes(),
                    stderr: if code == 0 { Vec::new() } else { b"went wrong".to_vec() },
                    truncated: false,
                });
                Some(ExecResult { node, result, took })
            }
        };
        commands.into_iter().map(run).collect::<FuturesUnordered<_>>().filter_map(async |result| result).boxed()
    }

    fn fetch(&self, targets: Vec<(NodeName, String)>, options: FetchOptions) -> OpStream<'_, FetchResult> {
        self.note(format!("{} from {} nodes: {}", options.method, targets.len(), targets[0].1));
        let run = move |(node, url): (NodeName, String)| async move {
            let (outcome, took) = self.outcome(&node, url, options.timeout).await?;
            let result = outcome.map(|(status, body)| FetchOutput {
                status: u16::try_from(status).unwrap(),
                body: body.into_bytes(),
                truncated: false,
            });
            Some(FetchResult { node, result, took })
        };
        targets.into_iter().map(run).collect::<FuturesUnordered<_>>().filter_map(async |result| result).boxed()
    }

    fn signal(&self, nodes: Vec<NodeName>, signal: Signal) -> OpFuture<'_, Vec<(NodeName, Result<(), OpError>)>> {
        Box::pin(async move {
            let names: Vec<String> = nodes.iter().map(ToString::to_string).collect();
            self.note(format!("signal {signal} to {}", names.join(" ")));
            self.renew(&nodes, false);
            nodes.into_iter().map(|node| (node, Ok(()))).collect()
        })
    }

    fn restart(&self, nodes: Vec<NodeName>) -> OpFuture<'_, Vec<(NodeName, Result<(), OpError>)>> {
        Box::pin(async move {
            self.note(format!("restart {} nodes", nodes.len()));
            self.renew(&nodes, true);
            nodes.into_iter().map(|node| (node, Ok(()))).collect()
        })
    }

    fn scale(&self, counts: BTreeMap<RoleName, u32>, deadline: Instant) -> OpFuture<'_, Result<(), ScaleError>> {
        Box::pin(async move {
            self.note(format!("scale {counts:?}"));
            let left: Vec<MissingNode> = {
                let mut state = self.locked();
                for (role, count) in &counts {
                    set_count(&mut state, role, *count);
                }
                let what = || "stopping".to_owned();
                state.stuck.iter().map(|node| MissingNode { node: Some(node.clone()), what: what() }).collect()
            };
            if left.is_empty() {
                return Ok(());
            }
            tokio::time::sleep_until(deadline).await;
            Err(ScaleError::Left(left))
        })
    }

    fn wait_up(&self, deadline: Instant) -> OpFuture<'_, Result<(), Vec<MissingNode>>> {
        Box::pin(async move {
            let (missing, unnamed) = {
                let state = self.locked();
                (state.missing.clone(), state.unnamed.clone())
            };
            if missing.is_empty() && unnamed.is_none() {
                return Ok(());
            }
            tokio::time::sleep_until(deadline).await;
            let what = "running, not seen by the primary".to_owned();
            let named = missing.into_iter().map(|node| MissingNode { node: Some(node), what: what.clone() });
            Err(named.chain(unnamed.map(|what| MissingNode { node: None, what })).collect())
        })
    }

    fn collect(&self, node: NodeName, path: String, _max_bytes: u64) -> OpFuture<'_, Result<Vec<u8>, OpError>> {
        Box::pin(async move { Ok(format!("{path} of {node}").into_bytes()) })
    }

    fn logs(&self, nodes: Vec<NodeName>, _tail_lines: u32) -> OpFuture<'_, Vec<(NodeName, Result<String, OpError>)>> {
        Box::pin(async move { nodes.into_iter().map(|node| (node.clone(), Ok(format!("log of {node}")))).collect() })
    }
}
