//! Samples of the host and of the nodes that run, for one watch.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use throng_common::status::{AgentEvent, NodeStatus};

use crate::board::Board;
use crate::reconcile::command::Key;
use crate::reconcile::effects::Host;
use crate::resources::cgroup::error::CgroupError;
use crate::telemetry::host::HostSampler;
use crate::telemetry::node::NodeSampler;

/// Takes samples; remembers where each node's figures lie for as long as its process lives.
pub(super) struct Sampling {
    host: Arc<Host>,
    board: Arc<Board>,
    machine: Option<HostSampler>,
    nodes: BTreeMap<Key, (u32, NodeSampler)>,
}

impl Sampling {
    pub(super) fn new(host: Arc<Host>, board: Arc<Board>) -> Self {
        let machine = HostSampler::new(host.parts().paths.state_dir().to_owned());
        let machine = machine.inspect_err(|error| tracing::warn!(%error, "the host cannot be sampled")).ok();
        Self { host, board, machine, nodes: BTreeMap::new() }
    }

    /// A sample of everything. Blocks for a millisecond, and for some small files a node.
    pub(super) fn take(mut self) -> (Self, Vec<AgentEvent>) {
        let mut events: Vec<_> =
            self.machine.as_mut().map(|machine| AgentEvent::Host(machine.sample())).into_iter().collect();
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
