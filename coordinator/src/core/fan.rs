//! Commands to many nodes: one call a host, an outcome for every node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use throng_common::ids::{HostId, NodeName};
use throng_failpoints::{Point, hit};
use throng_proto::agent::{self as wire, agent_client::AgentClient};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};

use super::coordinator::Core;
use crate::cluster::{LiveCluster, Placed};
use crate::fleet::{FleetError, LinkService, fan_out};
use crate::suite::ops::{
    ExecOptions, ExecOutput, ExecResult, FetchOptions, FetchOutput, FetchResult, NodeResult, OpError,
};

/// Outcomes that may wait for a slow reader.
const OUTCOME_QUEUE: usize = 256;

/// How much longer than a command a call may be silent. A host with many nodes runs them a few at a time: each outcome is
/// a sign that it goes on.
const CALL_GRACE: Duration = Duration::from_secs(120);

/// How long a signal may take to be seen in effect.
const SIGNAL_DEADLINE: Duration = Duration::from_secs(60);

fn stranger() -> OpError {
    OpError::Refused("there is no such node".to_owned())
}

fn silent() -> OpError {
    OpError::NoAnswer("the agent gave no outcome".to_owned())
}

/// What a host's failure means for each of its nodes.
pub(super) fn of_fleet(error: &FleetError) -> OpError {
    if error.is_away() { OpError::HostLost(error.to_string()) } else { OpError::NoAnswer(error.to_string()) }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// An agent's outcome for one node, whatever was asked.
struct Outcome<T> {
    node: String,
    error: Option<String>,
    timed_out: bool,
    took_micros: u64,
    output: T,
}

impl From<wire::ExecOutcome> for Outcome<ExecOutput> {
    fn from(told: wire::ExecOutcome) -> Self {
        let wire::ExecOutcome { node, error, code, stdout, stderr, truncated, took_micros, timed_out } = told;
        let output = ExecOutput { code, stdout: stdout.into(), stderr: stderr.into(), truncated };
        Self { node, error, timed_out, took_micros, output }
    }
}

impl From<wire::FetchOutcome> for Outcome<FetchOutput> {
    fn from(told: wire::FetchOutcome) -> Self {
        let wire::FetchOutcome { node, error, status, body, truncated, took_micros, timed_out } = told;
        let output = FetchOutput { status: u16::try_from(status).unwrap_or(0), body: body.into(), truncated };
        Self { node, error, timed_out, took_micros, output }
    }
}

/// What a request whose time was over had come to.
trait CutOff {
    fn cut_off(self, after: Duration) -> OpError;
}

impl CutOff for ExecOutput {
    fn cut_off(self, after: Duration) -> OpError {
        OpError::CutOff { after, stdout: self.stdout, stderr: self.stderr }
    }
}

impl CutOff for FetchOutput {
    fn cut_off(self, after: Duration) -> OpError {
        OpError::TimedOut(after)
    }
}

impl<T: CutOff> Outcome<T> {
    /// None where the node's name cannot be read: its node then counts as silent.
    fn into_result(self, timeout: Duration) -> Option<NodeResult<T>> {
        let result = match self.error {
            _ if self.timed_out => Err(self.output.cut_off(timeout)),
            Some(error) => Err(OpError::NoAnswer(error)),
            None => Ok(self.output),
        };
        Some(NodeResult { node: self.node.parse().ok()?, result, took: Duration::from_micros(self.took_micros) })
    }
}

async fn in_time<T>(limit: Duration, call: impl Future<Output = Result<T, FleetError>>) -> Result<T, OpError> {
    let called = tokio::time::timeout(limit, call).await.map_err(|_| OpError::TimedOut(limit))?;
    called.map_err(|error| of_fleet(&error))
}

/// One host's part of a fan-out: who is still waited for, and where outcomes go.
struct HostCall<T> {
    core: Arc<Core>,
    host: HostId,
    waiting: BTreeSet<NodeName>,
    outcomes: mpsc::Sender<NodeResult<T>>,
    timeout: Duration,
}

impl<T: CutOff> HostCall<T> {
    /// Calls the host; afterwards every node has an outcome, unless whoever asked has gone away.
    async fn run<Q, A, F, C>(mut self, request: Q, rpc: F)
    where
        A: Into<Outcome<T>>,
        F: FnOnce(AgentClient<LinkService>, Request<Q>) -> C,
        C: Future<Output = Result<Response<Streaming<A>>, Status>>,
    {
        let _ = tokio::time::timeout(self.timeout, self.core.fleet.await_back(&self.host)).await;
        let outcomes = self.outcomes.clone();
        let taken_in = tokio::select! {
            taken_in = self.take_in(request, rpc) => taken_in,
            // Nobody waits for it any more: what is under way on the host ends with the call.
            () = outcomes.closed() => return,
        };
        let why = taken_in.err().unwrap_or_else(silent);
        for node in self.waiting {
            // Whoever asked may have gone away.
            let _ = self.outcomes.send(NodeResult { node, result: Err(why.clone()), took: Duration::ZERO }).await;
        }
    }

    async fn take_in<Q, A, F, C>(&mut self, request: Q, rpc: F) -> Result<(), OpError>
    where
        A: Into<Outcome<T>>,
        F: FnOnce(AgentClient<LinkService>, Request<Q>) -> C,
        C: Future<Output = Result<Response<Streaming<A>>, Status>>,
    {
        let limit = self.timeout + CALL_GRACE;
        let mut stream = in_time(limit, self.core.fleet.open(&self.host, request, rpc)).await?;
        while let Some(told) = in_time(limit, stream.next()).await? {
            hit(Point::NodeOutcome);
            let Some(outcome) = told.into().into_result(self.timeout) else { continue };
            self.waiting.remove(&outcome.node);
            if self.outcomes.send(outcome).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Core {
    /// Asks nodes, each of them its own: one call a host. Outcomes come as they are there; every node has one in the end.
    fn ask_nodes<P, Q, A, T, F, C>(
        self: &Arc<Self>,
        cluster: &LiveCluster,
        (targets, timeout): (Vec<(NodeName, P)>, Duration),
        request: impl Fn(Vec<(NodeName, P)>) -> Q,
        rpc: F,
    ) -> mpsc::Receiver<NodeResult<T>>
    where
        Q: Send + 'static,
        A: Into<Outcome<T>> + Send + 'static,
        T: CutOff + Send + 'static,
        F: FnOnce(AgentClient<LinkService>, Request<Q>) -> C + Copy + Send + 'static,
        C: Future<Output = Result<Response<Streaming<A>>, Status>> + Send + 'static,
    {
        let (outcomes, receiver) = mpsc::channel(OUTCOME_QUEUE);
        let Placed { hosts, strangers } = cluster.place(targets);
        for (host, targets) in hosts {
            let waiting = targets.iter().map(|(node, _)| node.clone()).collect();
            let call = HostCall { core: Arc::clone(self), host, waiting, outcomes: outcomes.clone(), timeout };
            self.tasks.spawn(call.run(request(targets), rpc));
        }
        if !strangers.is_empty() {
            self.tasks.spawn(async move {
                for node in strangers {
                    let _ = outcomes.send(NodeResult { node, result: Err(stranger()), took: Duration::ZERO }).await;
                }
            });
        }
        receiver
    }

    /// Runs commands, each in its node.
    pub fn exec(
        self: &Arc<Self>,
        cluster: &LiveCluster,
        commands: Vec<(NodeName, Vec<String>)>,
        options: &ExecOptions,
        parallel: u32,
    ) -> mpsc::Receiver<ExecResult> {
        let id = cluster.record().id.to_string();
        let command = |(node, command): (NodeName, Vec<String>)| wire::NodeCommand { node: node.to_string(), command };
        let variable = |(name, value): (&String, &String)| wire::EnvVar { name: name.clone(), value: value.clone() };
        let request = |commands: Vec<_>| wire::ExecRequest {
            cluster: id.clone(),
            commands: commands.into_iter().map(command).collect(),
            stdin: options.stdin.clone().into(),
            env: options.env.iter().map(variable).collect(),
            timeout_millis: millis(options.timeout),
            output_max_bytes: options.output_max_bytes,
            parallel,
        };
        let rpc = |mut agent: AgentClient<_>, request| async move { agent.exec(request).await };
        self.ask_nodes(cluster, (commands, options.timeout), request, rpc)
    }

    /// Fetches URLs, each from the host of its node.
    pub fn fetch(
        self: &Arc<Self>,
        cluster: &LiveCluster,
        targets: Vec<(NodeName, String)>,
        options: &FetchOptions,
    ) -> mpsc::Receiver<FetchResult> {
        let target = |(node, url): (NodeName, String)| wire::NodeUrl { node: node.to_string(), url };
        let request = |targets: Vec<_>| wire::FetchRequest {
            targets: targets.into_iter().map(target).collect(),
            method: options.method.clone(),
            headers: options.headers.clone().into_iter().collect(),
            body: options.body.clone().into(),
            timeout_millis: millis(options.timeout),
            output_max_bytes: options.output_max_bytes,
        };
        let rpc = |mut agent: AgentClient<_>, request| async move { agent.fetch(request).await };
        self.ask_nodes(cluster, (targets, options.timeout), request, rpc)
    }

    /// Sends a signal to nodes; an outcome for every one.
    pub async fn signal(
        &self,
        cluster: &LiveCluster,
        nodes: Vec<NodeName>,
        signal: i32,
    ) -> Vec<(NodeName, Result<(), OpError>)> {
        let Placed { hosts, strangers } = cluster.place(nodes.into_iter().map(|node| (node, ())).collect());
        let mut outcomes: Vec<_> = strangers.into_iter().map(|node| (node, Err(stranger()))).collect();
        let id = cluster.record().id.to_string();
        let answered = fan_out(hosts.keys().cloned(), |host| {
            let nodes = hosts[&host].iter().map(|(node, ())| node.to_string()).collect();
            let request = wire::SignalRequest { cluster: id.clone(), nodes, signal };
            let rpc = |mut agent: AgentClient<_>, request| async move { agent.signal(request).await };
            async move {
                self.fleet.await_back(&host).await;
                self.fleet.call(&host, SIGNAL_DEADLINE, request, rpc).await
            }
        });
        for (host, reply) in answered.await {
            let said: Result<BTreeMap<String, Option<String>>, OpError> = reply
                .map(|reply| reply.outcomes.into_iter().map(|outcome| (outcome.node, outcome.error)).collect())
                .map_err(|error| of_fleet(&error));
            for (node, ()) in &hosts[&host] {
                let outcome = match &said {
                    Err(error) => Err(error.clone()),
                    Ok(said) => match said.get(&node.to_string()) {
                        Some(None) => Ok(()),
                        Some(Some(error)) => Err(OpError::Refused(error.clone())),
                        None => Err(silent()),
                    },
                };
                outcomes.push((node.clone(), outcome));
            }
        }
        outcomes
    }
}
