//! Samples of the host and of the nodes that run, for one watch.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use throng_common::status::{AgentEvent, HostSample, NodeStatus};

use crate::board::Board;
use crate::reconcile::command::Key;
use crate::reconcile::effects::Host;
use crate::resources::cgroup::error::CgroupError;
use crate::telemetry::host::HostSampler;
use crate::telemetry::node::NodeSampler;
use crate::telemetry::ticker::Ticker;

/// Takes samples; remembers where each node's figures lie for as long as its process lives.
pub(super) struct Sampling {
    host: Arc<Host>,
    board: Arc<Board>,
    machine: Option<HostSampler>,
    ticker: Option<Ticker>,
    nodes: BTreeMap<Key, (u32, NodeSampler)>,
}

impl Sampling {
    /// `tick`: the interval of a ticker whose lateness is in the host's samples. Where none is wanted none runs.
    pub(super) fn new(host: Arc<Host>, board: Arc<Board>, tick: Option<Duration>) -> Self {
        let machine = HostSampler::new(host.parts().paths.state_dir().to_owned());
        let machine = machine.inspect_err(|error| tracing::warn!(%error, "the host cannot be sampled")).ok();
        Self { host, board, machine, ticker: tick.map(Ticker::start), nodes: BTreeMap::new() }
    }

    /// A sample of everything. Blocks for a millisecond, and for some small files a node.
    pub(super) fn take(mut self) -> (Self, Vec<AgentEvent>) {
        let mut events: Vec<_> = self.sample_of_host().map(AgentEvent::Host).into_iter().collect();
        let mut samplers = BTreeMap::new();
        let mut samples = Vec::new();
        for status in self.board.nodes().into_iter().filter(|status| status.phase.is_running()) {
            let Some(pid) = status.pid else { continue };
            let key = Key { cluster: status.cluster.clone(), node: status.node.clone() };
            let known = self.nodes.remove(&key).filter(|(of, _)| *of == pid);
            let Some(sampler) = known.map(|(_, sampler)| sampler).or_else(|| self.sampler(&status, pid)) else {
                continue;
            };
            // A node whose group is gone has just ended: the board will say so.
            if let Ok(sample) = sampler.sample() {
                samples.push(sample);
                samplers.insert(key, (pid, sampler));
            }
        }
        self.nodes = samplers;
        if !samples.is_empty() {
            events.push(AgentEvent::Nodes(samples));
        }
        (self, events)
    }

    fn sample_of_host(&mut self) -> Option<HostSample> {
        let late_max = self.ticker.as_ref().map(Ticker::late_max);
        Some(HostSample { late_max, ..self.machine.as_mut()?.sample() })
    }

    /// A sampler of a node that runs; none where its group cannot be found.
    fn sampler(&self, status: &NodeStatus, pid: u32) -> Option<NodeSampler> {
        let parts = self.host.parts();
        let cgroups = parts.cgroups.as_ref()?;
        let group: Result<_, CgroupError> = match &status.container_id {
            Some(_) => cgroups.of_process(pid),
            None => Ok(cgroups.of_node(&status.cluster, &status.node)),
        };
        let ramdisks = folders(&parts.paths.ramdisk_root(&status.cluster, &status.node));
        let figures = group.ok()?.figure_paths();
        Some(NodeSampler::new(status.cluster.clone(), status.node.clone(), figures, ramdisks))
    }
}

fn folders(root: &Path) -> Vec<std::path::PathBuf> {
    // A node without ramdisks has no such folder.
    std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
