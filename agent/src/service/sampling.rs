//! Samples of the host and of the nodes that run, for one watch.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use throng_common::status::{AgentEvent, NodeSample, NodeStatus, UnixMillis};

use crate::board::Board;
use crate::reconcile::command::Key;
use crate::reconcile::effects::Host;
use crate::resources::cgroup::error::CgroupError;
use crate::telemetry::host::HostSampler;
use crate::telemetry::look::Looker;
use crate::telemetry::node::NodeSampler;
use crate::telemetry::ticker::Ticker;

/// Takes samples; remembers where each node's figures lie for as long as its process lives.
pub(super) struct Sampling {
    host: Arc<Host>,
    board: Arc<Board>,
    machine: Option<HostSampler>,
    close: Option<CloseWatch>,
    cpu: BTreeMap<Key, (UnixMillis, u64)>,
    nodes: BTreeMap<Key, (u32, NodeSampler)>,
}

/// What is done only while a run is under way.
struct CloseWatch {
    ticker: Ticker,
    looker: Looker,
}

impl Sampling {
    /// `tick`: the interval of a ticker whose lateness is in the host's samples; with it, it is looked for who uses a host
    /// that is waited for. Where none is wanted none runs, and nobody is looked for.
    pub(super) fn new(host: Arc<Host>, board: Arc<Board>, tick: Option<Duration>) -> Self {
        let machine = HostSampler::new(host.parts().paths.state_dir().to_owned());
        let machine = machine.inspect_err(|error| tracing::warn!(%error, "the host cannot be sampled")).ok();
        let looker = |host: &Host| Looker::new(host.parts().procs.clone());
        let close = tick.map(|tick| CloseWatch { ticker: Ticker::start(tick), looker: looker(&host) });
        Self { host, board, machine, close, cpu: BTreeMap::new(), nodes: BTreeMap::new() }
    }

    /// A sample of everything. Blocks for a millisecond, and for some small files a node; of a host that is waited for,
    /// for some more a process.
    pub(super) fn take(mut self) -> (Self, Vec<AgentEvent>) {
        let mut host = self.machine.as_mut().map(HostSampler::sample);
        let running: Vec<NodeStatus> =
            self.board.nodes().into_iter().filter(|status| status.phase.is_running()).collect();
        let samples = self.take_nodes(&running);
        let nodes_cpu_cores = self.cpu_of_nodes(&samples);
        if let (Some(host), Some(close)) = (&mut host, &mut self.close) {
            host.late_max = Some(close.ticker.late_max());
            host.uses = close.looker.look(host, &running, nodes_cpu_cores);
        }
        let mut events: Vec<_> = host.map(AgentEvent::Host).into_iter().collect();
        if !samples.is_empty() {
            events.push(AgentEvent::Nodes(samples));
        }
        (self, events)
    }

    fn take_nodes(&mut self, running: &[NodeStatus]) -> Vec<NodeSample> {
        let mut samplers = BTreeMap::new();
        let mut samples = Vec::new();
        for status in running {
            let Some(pid) = status.pid else { continue };
            let key = Key { cluster: status.cluster.clone(), node: status.node.clone() };
            let known = self.nodes.remove(&key).filter(|(of, _)| *of == pid);
            let Some(sampler) = known.map(|(_, sampler)| sampler).or_else(|| self.sampler(status, pid)) else {
                continue;
            };
            // A node whose group is gone has just ended: the board will say so.
            if let Ok(sample) = sampler.sample() {
                samples.push(sample);
                samplers.insert(key, (pid, sampler));
            }
        }
        self.nodes = samplers;
        samples
    }

    /// Cores that all nodes used since the samples before. What ended or began in between is not known well enough.
    fn cpu_of_nodes(&mut self, samples: &[NodeSample]) -> f64 {
        let key = |sample: &NodeSample| Key { cluster: sample.cluster.clone(), node: sample.node.clone() };
        let before = std::mem::take(&mut self.cpu);
        self.cpu = samples.iter().map(|sample| (key(sample), (sample.at, sample.cpu_usage_micros))).collect();
        let cores = |(node, (at, used)): (&Key, &(UnixMillis, u64))| {
            let (before_at, before_used) = before.get(node)?;
            let took = at.since(*before_at);
            let used = Duration::from_micros(used.checked_sub(*before_used)?);
            (!took.is_zero()).then(|| used.as_secs_f64() / took.as_secs_f64())
        };
        self.cpu.iter().filter_map(cores).sum()
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
