//! Commands to many nodes: one call a host, an outcome for every node.

use std::collections::BTreeMap;
use std::time::Duration;

use throng_common::ids::{HostId, NodeName};
use throng_proto::agent as wire;
use tokio::sync::mpsc;

use super::coordinator::Core;
use crate::cluster::LiveCluster;
use crate::fleet::FleetError;
use crate::suite::ops::{ExecOptions, ExecOutput, ExecResult, FetchOptions, FetchOutput, FetchResult, OpError};

/// Outcomes that may wait for a slow reader.
const OUTCOME_QUEUE: usize = 256;

/// How much longer than its commands a call may take: a host with many nodes runs them a few at a time.
const CALL_GRACE: Duration = Duration::from_secs(120);

/// Targets by host, and the nodes that no host holds.
type Placed<T> = (BTreeMap<HostId, Vec<(NodeName, T)>>, Vec<NodeName>);

/// Targets by the host that holds them; those that no host holds apart.
fn by_host<T>(cluster: &LiveCluster, targets: Vec<(NodeName, T)>) -> Placed<T> {
    let record = cluster.record();
    let places: BTreeMap<&NodeName, &HostId> =
        record.plan.nodes().map(|(host, node)| (&node.name, &host.host)).collect();
    let mut hosts: BTreeMap<HostId, Vec<(NodeName, T)>> = BTreeMap::new();
    let mut strangers = Vec::new();
    for (node, target) in targets {
        match places.get(&node) {
            Some(host) => hosts.entry((*host).clone()).or_default().push((node, target)),
            None => strangers.push(node),
        }
    }
    (hosts, strangers)
}

fn stranger() -> OpError {
    OpError::Refused("there is no such node".to_owned())
}

/// What a host's failure means for each of its nodes.
pub(super) fn of_fleet(error: &FleetError) -> OpError {
    OpError::NoAnswer(error.to_string())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Core {
    /// Runs commands, each in its node. Outcomes come as they are there; every node has one in the end.
    pub fn exec(
        self: &std::sync::Arc<Self>,
        cluster: &LiveCluster,
        commands: Vec<(NodeName, Vec<String>)>,
        options: &ExecOptions,
        parallel: u32,
    ) -> mpsc::Receiver<ExecResult> {
        let (sender, receiver) = mpsc::channel(OUTCOME_QUEUE);
        let (hosts, strangers) = by_host(cluster, commands);
        let id = cluster.record().id.clone();
        for node in strangers {
            // The queue is empty yet; what does not fit is a stranger too many.
            let _ = sender.try_send(ExecResult { node, result: Err(stranger()), took: Duration::ZERO });
        }
        for (host, commands) in hosts {
            let (core, sender, options, id) =
                (std::sync::Arc::clone(self), sender.clone(), options.clone(), id.clone());
            self.tasks.spawn(async move {
                let mut waiting: Vec<NodeName> = commands.iter().map(|(node, _)| node.clone()).collect();
                let request = wire::ExecRequest {
                    cluster: id.to_string(),
                    commands: commands
                        .into_iter()
                        .map(|(node, command)| wire::NodeCommand { node: node.to_string(), command })
                        .collect(),
                    stdin: options.stdin.into(),
                    env: options.env.into_iter().map(|(name, value)| wire::EnvVar { name, value }).collect(),
                    timeout_millis: millis(options.timeout),
                    output_max_bytes: options.output_max_bytes,
                    parallel,
                };
                let work = core.exec_on(&host, request, &mut waiting, &sender, options.timeout);
                let ended = tokio::time::timeout(options.timeout + CALL_GRACE, work).await;
                let why = match ended {
                    Ok(Ok(())) => OpError::NoAnswer("the agent gave no outcome".to_owned()),
                    Ok(Err(error)) => of_fleet(&error),
                    Err(_) => OpError::TimedOut(options.timeout + CALL_GRACE),
                };
                for node in waiting {
                    let _ = sender.send(ExecResult { node, result: Err(why.clone()), took: Duration::ZERO }).await;
                }
            });
        }
        receiver
    }

    async fn exec_on(
        &self,
        host: &HostId,
        request: wire::ExecRequest,
        waiting: &mut Vec<NodeName>,
        sender: &mpsc::Sender<ExecResult>,
        timeout: Duration,
    ) -> Result<(), FleetError> {
        let mut stream =
            self.fleet.open(host, request, |mut agent, request| async move { agent.exec(request).await }).await?;
        while let Some(outcome) = stream.next().await? {
            let Ok(node) = outcome.node.parse::<NodeName>() else { continue };
            waiting.retain(|other| *other != node);
            let result = match outcome.error {
                _ if outcome.timed_out => Err(OpError::TimedOut(timeout)),
                Some(error) => Err(OpError::NoAnswer(error)),
                None => Ok(ExecOutput {
                    code: outcome.code,
                    stdout: outcome.stdout.into(),
                    stderr: outcome.stderr.into(),
                    truncated: outcome.truncated,
                }),
            };
            let took = Duration::from_micros(outcome.took_micros);
            if sender.send(ExecResult { node, result, took }).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Fetches URLs, each from the host of its node.
    pub fn fetch(
        self: &std::sync::Arc<Self>,
        cluster: &LiveCluster,
        targets: Vec<(NodeName, String)>,
        options: &FetchOptions,
    ) -> mpsc::Receiver<FetchResult> {
        let (sender, receiver) = mpsc::channel(OUTCOME_QUEUE);
        let (hosts, strangers) = by_host(cluster, targets);
        for node in strangers {
            let _ = sender.try_send(FetchResult { node, result: Err(stranger()), took: Duration::ZERO });
        }
        for (host, targets) in hosts {
            let (core, sender, options) = (std::sync::Arc::clone(self), sender.clone(), options.clone());
            self.tasks.spawn(async move {
                let mut waiting: Vec<NodeName> = targets.iter().map(|(node, _)| node.clone()).collect();
                let request = wire::FetchRequest {
                    targets: targets
                        .into_iter()
                        .map(|(node, url)| wire::NodeUrl { node: node.to_string(), url })
                        .collect(),
                    method: options.method,
                    headers: options.headers.into_iter().collect(),
                    body: options.body.into(),
                    timeout_millis: millis(options.timeout),
                    output_max_bytes: options.output_max_bytes,
                };
                let work = core.fetch_on(&host, request, &mut waiting, &sender, options.timeout);
                let ended = tokio::time::timeout(options.timeout + CALL_GRACE, work).await;
                let why = match ended {
                    Ok(Ok(())) => OpError::NoAnswer("the agent gave no outcome".to_owned()),
                    Ok(Err(error)) => of_fleet(&error),
                    Err(_) => OpError::TimedOut(options.timeout + CALL_GRACE),
                };
                for node in waiting {
                    let _ = sender.send(FetchResult { node, result: Err(why.clone()), took: Duration::ZERO }).await;
                }
            });
        }
        receiver
    }

    async fn fetch_on(
        &self,
        host: &HostId,
        request: wire::FetchRequest,
        waiting: &mut Vec<NodeName>,
        sender: &mpsc::Sender<FetchResult>,
        timeout: Duration,
    ) -> Result<(), FleetError> {
        let mut stream =
            self.fleet.open(host, request, |mut agent, request| async move { agent.fetch(request).await }).await?;
        while let Some(outcome) = stream.next().await? {
            let Ok(node) = outcome.node.parse::<NodeName>() else { continue };
            waiting.retain(|other| *other != node);
            let result = match outcome.error {
                _ if outcome.timed_out => Err(OpError::TimedOut(timeout)),
                Some(error) => Err(OpError::NoAnswer(error)),
                None => Ok(FetchOutput {
                    status: u16::try_from(outcome.status).unwrap_or(0),
                    body: outcome.body.into(),
                    truncated: outcome.truncated,
                }),
            };
            let took = Duration::from_micros(outcome.took_micros);
            if sender.send(FetchResult { node, result, took }).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Sends a signal to nodes; an outcome for every one.
    pub async fn signal(
        &self,
        cluster: &LiveCluster,
        nodes: Vec<NodeName>,
        signal: i32,
    ) -> Vec<(NodeName, Result<(), OpError>)> {
        /// How long a signal may take to be seen in effect.
        const SIGNAL_DEADLINE: Duration = Duration::from_secs(60);
        let (hosts, strangers) = by_host(cluster, nodes.into_iter().map(|node| (node, ())).collect());
        let mut outcomes: Vec<_> = strangers.into_iter().map(|node| (node, Err(stranger()))).collect();
        let id = cluster.record().id.to_string();
        for (host, nodes) in hosts {
            let request = wire::SignalRequest {
                cluster: id.clone(),
                nodes: nodes.iter().map(|(node, ())| node.to_string()).collect(),
                signal,
            };
            let rpc = |mut agent: throng_proto::agent::agent_client::AgentClient<_>, request| async move {
                agent.signal(request).await
            };
            let answered = self.fleet.call(&host, SIGNAL_DEADLINE, request, rpc).await;
            let said: Result<BTreeMap<String, Option<String>>, OpError> = answered
                .map(|reply| reply.outcomes.into_iter().map(|outcome| (outcome.node, outcome.error)).collect())
                .map_err(|error| of_fleet(&error));
            for (node, ()) in nodes {
                let outcome = match &said {
                    Err(error) => Err(error.clone()),
                    Ok(said) => match said.get(&node.to_string()) {
                        Some(None) => Ok(()),
                        Some(Some(error)) => Err(OpError::Refused(error.clone())),
                        None => Err(OpError::NoAnswer("the agent gave no outcome".to_owned())),
                    },
                };
                outcomes.push((node, outcome));
            }
        }
        outcomes
    }
}
