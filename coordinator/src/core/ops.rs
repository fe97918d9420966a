//! A cluster as the test suite sees it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use throng_common::ids::{HostId, NodeName, RoleName};
use throng_common::scenario::signal::Signal;
use throng_common::status::NodeStatus;
use throng_proto::agent as wire;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

use super::coordinator::Core;
use super::fan::of_fleet;
use crate::cluster::{ClusterRecord, LiveCluster, Placed};
use crate::fleet::fan_out;
use crate::planner::description::describe;
use crate::planner::plan::HostPlan;
use crate::planner::texts::{NodeIndex, Saved, TextError, Texts};
use crate::rollout;
use crate::suite::ops::{
    ClusterOps, ExecOptions, ExecResult, FetchOptions, FetchResult, FillTexts, HostSize, MissingNode, OpError,
    OpFuture, OpStream, ScaleError,
};

/// How long the logs of failing nodes may take to be read.
const LOGS_DEADLINE: Duration = Duration::from_secs(20);

/// A cluster as the test suite sees it.
#[derive(Debug, Clone)]
pub struct LiveOps {
    core: Arc<Core>,
    cluster: Arc<LiveCluster>,
}

impl LiveOps {
    /// A cluster of this coordinator.
    pub fn new(core: Arc<Core>, cluster: Arc<LiveCluster>) -> Self {
        Self { core, cluster }
    }

    async fn read_file(&self, node: NodeName, path: String, max_bytes: u64) -> Result<Vec<u8>, OpError> {
        let record = self.cluster.record();
        let host = record.plan.node(&node).map(|(host, _)| host.host.clone());
        let host = host.ok_or_else(|| OpError::Refused(format!("there is no node {node}")))?;
        let request = wire::ReadFileRequest {
            cluster: record.id.to_string(),
            node: node.to_string(),
            path,
            max_bytes,
            tail: true,
        };
        let rpc =
            |mut agent: wire::agent_client::AgentClient<_>, request| async move { agent.read_file(request).await };
        let mut stream = self.core.fleet.open(&host, request, rpc).await.map_err(|error| of_fleet(&error))?;
        let mut contents = Vec::new();
        while let Some(chunk) = stream.next().await.map_err(|error| of_fleet(&error))? {
            contents.extend_from_slice(&chunk.data);
        }
        Ok(contents)
    }

    async fn read_logs(&self, nodes: Vec<NodeName>, tail_lines: u32) -> Vec<(NodeName, Result<String, OpError>)> {
        let record = self.cluster.record();
        let Placed { hosts, strangers } = self.cluster.place(nodes.into_iter().map(|node| (node, ())).collect());
        let read = fan_out(hosts.keys().cloned(), |host| {
            let nodes: Vec<NodeName> = hosts[&host].iter().map(|(node, ())| node.clone()).collect();
            let request = wire::LogsRequest {
                cluster: record.id.to_string(),
                nodes: nodes.iter().map(ToString::to_string).collect(),
                tail_lines: Some(tail_lines),
                ..wire::LogsRequest::default()
            };
            async move {
                let mut texts: BTreeMap<_, _> = nodes.into_iter().map(|node| (node, Ok(String::new()))).collect();
                let ended = tokio::time::timeout(LOGS_DEADLINE, self.read_host_logs(&host, request, &mut texts)).await;
                if let Err(problem) = ended.unwrap_or(Err(OpError::TimedOut(LOGS_DEADLINE))) {
                    let silent = |text: &&mut Result<String, OpError>| text.as_ref().is_ok_and(String::is_empty);
                    texts.values_mut().filter(silent).for_each(|text| *text = Err(problem.clone()));
                }
                Ok::<_, OpError>(texts)
            }
        });
        let strangers = strangers.into_iter().map(|node| (node, Ok(String::new())));
        read.await.into_iter().filter_map(|(_, texts)| texts.ok()).flatten().chain(strangers).collect()
    }

    async fn read_host_logs(
        &self,
        host: &throng_common::ids::HostId,
        request: wire::LogsRequest,
        texts: &mut BTreeMap<NodeName, Result<String, OpError>>,
    ) -> Result<(), OpError> {
        let rpc = |mut agent: wire::agent_client::AgentClient<_>, request| async move { agent.logs(request).await };
        let mut stream = self.core.fleet.open(host, request, rpc).await.map_err(|error| of_fleet(&error))?;
        while let Some(batch) = stream.next().await.map_err(|error| of_fleet(&error))? {
            for line in batch.lines {
                let Ok(node) = line.node.parse::<NodeName>() else { continue };
                let Some(text) = texts.get_mut(&node) else { continue };
                match (line.error, text) {
                    (Some(error), text) => *text = Err(OpError::Refused(error)),
                    (None, Ok(text)) => {
                        text.push_str(&String::from_utf8_lossy(&line.text));
                        text.push('\n');
                    }
                    (None, Err(_)) => {}
                }
            }
        }
        Ok(())
    }
}

/// A cluster's texts as it stood when they were asked for.
struct LiveTexts {
    record: Arc<ClusterRecord>,
    index: NodeIndex,
}

impl FillTexts for LiveTexts {
    fn fill(&self, text: &str, node: Option<&NodeName>, saved: &Saved) -> Result<String, TextError> {
        Texts::with_index(&self.record.plan, &self.record.scenario, &self.index).resolve_text(text, node, saved)
    }
}

impl ClusterOps for LiveOps {
    fn nodes(&self) -> Vec<NodeName> {
        self.cluster.nodes()
    }

    fn places(&self) -> BTreeMap<NodeName, HostId> {
        self.cluster.record().plan.nodes().map(|(host, node)| (node.name.clone(), host.host.clone())).collect()
    }

    fn hosts(&self) -> BTreeMap<HostId, HostSize> {
        let size = |host: &HostPlan| {
            let facts = self.core.hosts.get(&host.host).facts?;
            Some((host.host.clone(), HostSize { cores: facts.cpu_cores, memory_bytes: facts.memory_total_bytes }))
        };
        self.cluster.record().plan.hosts.iter().filter_map(size).collect()
    }

    fn status(&self, node: &NodeName) -> Option<NodeStatus> {
        self.cluster.status(node)
    }

    fn texts(&self) -> Box<dyn FillTexts> {
        let record = self.cluster.record();
        let index = NodeIndex::new(&record.plan);
        Box::new(LiveTexts { record, index })
    }

    fn describe(&self) -> serde_json::Value {
        let record = self.cluster.record();
        // Plain structs with text keys serialise.
        serde_json::to_value(describe(&Texts::new(&record.plan, &record.scenario))).unwrap_or_default()
    }

    fn exec(&self, commands: Vec<(NodeName, Vec<String>)>, options: ExecOptions) -> OpStream<'_, ExecResult> {
        Box::pin(ReceiverStream::new(self.core.exec(&self.cluster, commands, &options, 0)))
    }

    fn fetch(&self, targets: Vec<(NodeName, String)>, options: FetchOptions) -> OpStream<'_, FetchResult> {
        Box::pin(ReceiverStream::new(self.core.fetch(&self.cluster, targets, &options)))
    }

    fn signal(&self, nodes: Vec<NodeName>, signal: Signal) -> OpFuture<'_, Vec<(NodeName, Result<(), OpError>)>> {
        Box::pin(self.core.signal(&self.cluster, nodes, signal.number()))
    }

    fn restart(&self, nodes: Vec<NodeName>) -> OpFuture<'_, Vec<(NodeName, Result<(), OpError>)>> {
        Box::pin(async move {
            self.cluster.edit(|record| record.begin_anew(&nodes));
            let outcome = self.core.publish(&self.cluster).await.map_err(|error| OpError::NoAnswer(error.to_string()));
            nodes.into_iter().map(|node| (node, outcome.clone())).collect()
        })
    }

    fn scale(&self, counts: BTreeMap<RoleName, u32>, deadline: Instant) -> OpFuture<'_, Result<(), ScaleError>> {
        Box::pin(async move {
            let leaving = rollout::scale(&self.core, &self.cluster, &counts).await;
            let leaving = leaving.map_err(|error| ScaleError::Op(OpError::Refused(error.text())))?;
            rollout::wait_gone(&self.core, &self.cluster, &leaving, deadline).await.map_err(ScaleError::Left)
        })
    }

    fn wait_up(&self, deadline: Instant) -> OpFuture<'_, Result<(), Vec<MissingNode>>> {
        Box::pin(rollout::wait_all_up(&self.core, &self.cluster, deadline))
    }

    fn collect(&self, node: NodeName, path: String, max_bytes: u64) -> OpFuture<'_, Result<Vec<u8>, OpError>> {
        Box::pin(self.read_file(node, path, max_bytes))
    }

    fn logs(&self, nodes: Vec<NodeName>, tail_lines: u32) -> OpFuture<'_, Vec<(NodeName, Result<String, OpError>)>> {
        Box::pin(self.read_logs(nodes, tail_lines))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::sample;
    use crate::planner::tests::fixture::{host, redis, try_plan};

    fn record(workers: u32) -> Arc<ClusterRecord> {
        let scenario = redis(workers);
        let plan = try_plan(&scenario, &[host("a")], None).unwrap();
        Arc::new(sample::up("c-x7k2", scenario, plan))
    }

    /// CPU time of this thread: other tests run beside this one.
    fn cpu_nanos() -> u64 {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        text.split_ascii_whitespace().next().unwrap().parse().unwrap()
    }

    /// CPU time to fill in so many texts in fan-outs over so many workers, the best of some.
    fn cost(workers: u32, texts: u32) -> u64 {
        let record = record(workers);
        let nodes: Vec<NodeName> = record.plan.nodes().map(|(_, node)| node.name.clone()).collect();
        let fan_out = || {
            let texts = LiveTexts { index: NodeIndex::new(&record.plan), record: Arc::clone(&record) };
            for node in &nodes {
                let text = texts.fill("{node.name} of {role.primary.address}", Some(node), &Saved::new()).unwrap();
                assert!(text.starts_with(&node.to_string()));
            }
        };
        let all = || {
            let begun = cpu_nanos();
            (0..texts / workers).for_each(|_| fan_out());
            cpu_nanos() - begun
        };
        (0..3).map(|_| all()).min().unwrap()
    }

    #[test]
    fn a_text_costs_the_same_in_a_fan_out_over_1000_nodes_as_in_one_over_125() {
        let (few, many) = (cost(125, 10_000), cost(1000, 10_000));
        // An index made for every node would make it eight times as dear.
        assert!(many < few * 3, "over 125 workers: {few} ns, over 1000 workers: {many} ns");
    }
}
