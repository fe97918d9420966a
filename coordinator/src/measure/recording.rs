//! What one run records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use std::time::Duration;

use throng_common::ids::{ClusterId, HostId, NodeName, RoleName};
use throng_common::status::{HostProgress, HostSample, NodePhase, NodeSample, NodeStatus, ReasonKind, UnixMillis};
use tokio::sync::watch;

use super::hosts::HostRecord;
use super::interval::millis;
use super::roles::{RoleUse, RoleUses};
use crate::judgement::thresholds::MARGIN;
use crate::judgement::{End, HostWitness, TroubleKind, Witness};
use crate::report::load::HostLoad;
use crate::report::trace::NodeSpan;
use crate::suite::RunClock;
use crate::suite::ops::HostSize;

/// Most intervals of all hosts together in a report, and fewest of one: it is a document, not a database.
const REPORTED_MAX: usize = 12_000;
const REPORTED_MIN: usize = 60;

/// How long samples that reach a moment are waited for, and how often it is looked.
const REACH_MAX: Duration = Duration::from_secs(4);
const REACH_LOOK: Duration = Duration::from_millis(50);

/// What one run records. Agents take samples every second for as long as one is held.
#[derive(Debug)]
pub struct Recording {
    cluster: ClusterId,
    clock: RunClock,
    inner: Mutex<Inner>,
    held: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Inner {
    hosts: BTreeMap<HostId, HostRecord>,
    roles: RoleUses,
    images: BTreeMap<RoleName, BTreeSet<String>>,
    phases: BTreeMap<NodeName, Seen>,
    /// The phases of nodes that are over.
    spans: Vec<NodeSpan>,
    ends: Vec<End>,
    /// Nodes that throng itself has done something to since the test began.
    meant: BTreeSet<NodeName>,
}

/// In which phase a node is.
#[derive(Debug, Clone)]
struct Seen {
    host: HostId,
    phase: NodePhase,
    since: UnixMillis,
}

impl Seen {
    fn until(self, node: NodeName, to: UnixMillis) -> NodeSpan {
        NodeSpan { host: self.host, node, phase: self.phase, from: self.since, to }
    }
}

/// Most phases of nodes kept of one run: a thousand nodes that are all started a dozen times.
const SPANS_MAX: usize = 100_000;

/// Most ends of nodes kept of one test: that one has ended is enough to know of a node.
const ENDS_MAX: usize = 10_000;

impl Recording {
    pub(super) fn new(cluster: ClusterId, clock: RunClock, held: watch::Sender<usize>) -> Self {
        held.send_modify(|count| *count += 1);
        Self { cluster, clock, inner: Mutex::default(), held }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Figures are only added to: a panic elsewhere leaves them as good as they were.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run's clock.
    pub fn clock(&self) -> RunClock {
        self.clock
    }

    /// A host was sampled.
    pub(super) fn host_sampled(&self, host: &HostId, sample: &HostSample) {
        let arrived = self.clock.now();
        self.inner().hosts.entry(host.clone()).or_default().push(sample, arrived);
    }

    /// Nodes of a host were sampled, all that run there, also those of other clusters.
    pub(super) fn nodes_sampled(&self, host: &HostId, samples: &[NodeSample]) {
        let mut inner = self.inner();
        inner.hosts.entry(host.clone()).or_default().push_nodes(samples);
        for sample in samples.iter().filter(|sample| sample.cluster == self.cluster) {
            inner.roles.push(sample);
        }
    }

    /// A node of a host was seen.
    pub fn node_seen(&self, host: &HostId, status: &NodeStatus) {
        if status.cluster != self.cluster {
            return;
        }
        let at = self.clock.now();
        let mut inner = self.inner();
        if let Some(image) = &status.image_id {
            inner.images.entry(status.node.role().clone()).or_default().insert(image.clone());
        }
        let before = inner.phases.get(&status.node).map(|seen| seen.phase);
        if before != Some(status.phase) {
            let seen = Seen { host: host.clone(), phase: status.phase, since: status.observed_at };
            let over = inner.phases.insert(status.node.clone(), seen);
            inner.over(&status.node, over, status.observed_at);
        }
        // One that had begun before it was watched says nothing of how it began; nor does a process, whose counter holds
        // what its prepare command and its earlier lives took.
        let began = status.container_id.is_some() && matches!(before, Some(NodePhase::Preparing | NodePhase::Starting));
        if let (true, NodePhase::Ready, Some(ready_at)) = (began, status.phase, status.ready_at) {
            inner.roles.ready(&status.node, ready_at);
        }
        let ended = matches!(status.phase, NodePhase::Backoff | NodePhase::Failed) && before != Some(status.phase);
        let how = status.reason.as_ref().map(|reason| reason.kind);
        let by_itself = matches!(how, Some(ReasonKind::Exited | ReasonKind::Signalled | ReasonKind::OutOfMemory));
        if let (true, true, Some(kind)) = (ended, by_itself, how)
            && inner.ends.len() < ENDS_MAX
        {
            inner.ends.push(End { node: status.node.clone(), at, kind });
        }
    }

    /// Nothing of a node is left.
    pub(super) fn node_gone(&self, cluster: &ClusterId, node: &NodeName) {
        if *cluster == self.cluster {
            let now = self.clock.now();
            let mut inner = self.inner();
            let over = inner.phases.remove(node);
            inner.over(node, over, now);
        }
    }

    /// The phases of nodes, those that go on as if they ended now.
    pub fn spans(&self) -> Vec<NodeSpan> {
        let now = self.clock.now();
        let inner = self.inner();
        let open = inner.phases.iter().map(|(node, seen)| seen.clone().until(node.clone(), now));
        inner.spans.iter().cloned().chain(open).collect()
    }

    /// A host's agent told how its work stands.
    pub(super) fn progressed(&self, host: &HostId, progress: &HostProgress) {
        let is_silent = |kind| matches!(kind, ReasonKind::EngineUnreachable | ReasonKind::EngineHung);
        let lost = progress.problems.iter().find(|reason| is_silent(reason.kind));
        let kind = lost.map(|reason| TroubleKind::EngineLost(reason.to_string()));
        let is_it = |kind: &TroubleKind| matches!(kind, TroubleKind::EngineLost(_));
        let now = self.clock.now();
        self.inner().hosts.entry(host.clone()).or_default().trouble(kind, is_it, now);
    }

    /// A host's agent is connected, or is not.
    pub(super) fn linked(&self, host: &HostId, is_linked: bool) {
        let kind = (!is_linked).then_some(TroubleKind::Away);
        let now = self.clock.now();
        self.inner().hosts.entry(host.clone()).or_default().trouble(kind, |kind| *kind == TroubleKind::Away, now);
    }

    /// A test begins: what was long before it says nothing of it.
    pub fn begin_test(&self) {
        let now = self.clock.now();
        let mut inner = self.inner();
        inner.ends.clear();
        inner.meant.clear();
        let from = UnixMillis(now.0.saturating_sub(millis(MARGIN)));
        inner.hosts.values_mut().for_each(|host| host.forget_before(from));
    }

    /// Throng does something to nodes: that they end then is no matter of theirs.
    pub fn meant(&self, nodes: impl IntoIterator<Item = NodeName>) {
        self.inner().meant.extend(nodes);
    }

    /// Waits until what is known of these hosts reaches this moment, for a bounded time: samples come every second.
    pub async fn reach(&self, hosts: &BTreeSet<HostId>, at: UnixMillis) {
        let reached = async {
            while !self.reaches(hosts, at) {
                tokio::time::sleep(REACH_LOOK).await;
            }
        };
        // What a starved or lost host does not tell is not waited for.
        let _ = tokio::time::timeout(REACH_MAX, reached).await;
    }

    fn reaches(&self, hosts: &BTreeSet<HostId>, at: UnixMillis) -> bool {
        let inner = self.inner();
        hosts.iter().all(|host| inner.hosts.get(host).is_some_and(|host| host.reaches() >= Some(at)))
    }

    /// What is known of all hosts since the test began.
    pub fn witness(&self, sizes: &BTreeMap<HostId, HostSize>) -> Witness {
        let inner = self.inner();
        let of_host = |(host, record): (&HostId, &HostRecord)| {
            let HostSize { cores, memory_bytes } = sizes.get(host).copied()?;
            Some((host.clone(), HostWitness { cores: f64::from(cores), memory_bytes, ..record.witness() }))
        };
        let ends = inner.ends.iter().filter(|end| !inner.meant.contains(&end.node)).cloned().collect();
        Witness { hosts: inner.hosts.iter().filter_map(of_host).collect(), ends }
    }

    /// The load of hosts, for a report.
    pub fn loads<'a>(&self, hosts: impl IntoIterator<Item = &'a HostId>) -> BTreeMap<HostId, HostLoad> {
        let mut inner = self.inner();
        let hosts: Vec<&HostId> = hosts.into_iter().collect();
        let most = (REPORTED_MAX / hosts.len().max(1)).max(REPORTED_MIN);
        let load = |host: &&HostId| Some(((*host).clone(), inner.hosts.get_mut(*host)?.report(most)?));
        hosts.iter().filter_map(load).collect()
    }

    /// What the nodes of a role used; none where none was sampled.
    pub(crate) fn role_use(&self, role: &RoleName) -> Option<RoleUse> {
        self.inner().roles.of(role)
    }

    /// The images, by the engine's ids, that nodes of a role ran.
    pub fn images(&self, role: &RoleName) -> BTreeSet<String> {
        self.inner().images.get(role).cloned().unwrap_or_default()
    }
}

impl Inner {
    /// A node's phase is over.
    fn over(&mut self, node: &NodeName, seen: Option<Seen>, at: UnixMillis) {
        if self.spans.len() < SPANS_MAX {
            self.spans.extend(seen.map(|seen| seen.until(node.clone(), at)));
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.held.send_modify(|count| *count -= 1);
    }
}
