//! A cluster as the coordinator holds it in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use throng_common::ids::{ClusterId, HostId, Incarnation, NodeName, RoleName};
use throng_common::scenario::model::Scenario;
use throng_common::size::ByteSize;
use throng_common::status::{NodeSample, NodeStatus, SysctlChange, UnixMillis};
use tokio::sync::watch;

use super::membership::{Column, RoleMembership, Said, SeenColumn};
use super::sighting::{Directory, Sighting};
use crate::planner::plan::Plan;

/// Where a cluster stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClusterState {
    /// It is being brought up.
    Starting,
    /// It is up.
    Up,
    /// It is being taken down.
    Stopping,
}

impl ClusterState {
    /// The word in tables.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Up => "up",
            Self::Stopping => "stopping",
        }
    }
}

/// What is wanted of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoleWanted {
    /// Its dependencies are not up yet: its nodes are known and do not run.
    Stopped,
    /// Its nodes run.
    Running,
}

/// Everything of a cluster that must survive the coordinator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterRecord {
    /// Its id.
    pub id: ClusterId,
    /// The scenario, checked, with the counts that are wanted now.
    pub scenario: Scenario,
    /// The plan.
    pub plan: Plan,
    /// Where the bundle's files lie on the coordinator's machine.
    pub bundle_dir: PathBuf,
    /// The contents of the files that its roles give to nodes, by the path as the scenario writes it.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What is wanted of each role.
    pub wanted: BTreeMap<RoleName, RoleWanted>,
    /// Nodes that were asked to begin anew, with how often.
    pub incarnations: BTreeMap<NodeName, Incarnation>,
    /// Sysctls that agents changed, by host: a second copy of what the agents' ledgers hold.
    pub sysctls: BTreeMap<HostId, BTreeMap<String, SysctlChange>>,
    /// Where it stands.
    pub state: ClusterState,
    /// Since when it is there.
    pub created: UnixMillis,
}

/// The most memory that a node of a role was seen to use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peak {
    /// Anonymous memory.
    pub anonymous: ByteSize,
    /// Pages of its ramdisks.
    pub ramdisk: ByteSize,
    /// Kernel memory.
    pub kernel: ByteSize,
}

/// A cluster as the coordinator holds it in memory.
#[derive(Debug)]
pub struct LiveCluster {
    inner: Mutex<Inner>,
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct Inner {
    record: Arc<ClusterRecord>,
    statuses: BTreeMap<NodeName, NodeStatus>,
    columns: BTreeMap<RoleName, Column>,
    samples: BTreeMap<NodeName, NodeSample>,
    peaks: BTreeMap<RoleName, Peak>,
}

impl LiveCluster {
    /// A cluster of which nothing was heard yet.
    pub fn new(record: ClusterRecord) -> Self {
        let inner = Inner {
            record: Arc::new(record),
            statuses: BTreeMap::new(),
            columns: BTreeMap::new(),
            samples: BTreeMap::new(),
            peaks: BTreeMap::new(),
        };
        Self { inner: Mutex::new(inner), changes: watch::Sender::new(0) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Every change is a single insert, remove or replacement: a panic elsewhere leaves the data sound.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Wakes at every change.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// What must survive, as it stands.
    pub fn record(&self) -> Arc<ClusterRecord> {
        Arc::clone(&self.inner().record)
    }

    /// Changes what must survive. The caller journals the result before it tells any agent.
    pub fn edit(&self, change: impl FnOnce(&mut ClusterRecord)) -> Arc<ClusterRecord> {
        let record = {
            let mut inner = self.inner();
            change(Arc::make_mut(&mut inner.record));
            Arc::clone(&inner.record)
        };
        self.changed();
        record
    }

    /// An agent saw a node.
    pub fn node_seen(&self, status: NodeStatus) -> Option<NodeStatus> {
        let before = self.inner().statuses.insert(status.node.clone(), status);
        self.changed();
        before
    }

    /// An agent says that nothing of a node is left.
    pub fn node_gone(&self, node: &NodeName) {
        let mut inner = self.inner();
        inner.statuses.remove(node);
        inner.samples.remove(node);
        drop(inner);
        self.changed();
    }

    /// The system under test said something of a role.
    pub fn role_seen(&self, role: &RoleName, column: Column) {
        self.inner().columns.insert(role.clone(), column);
        self.changed();
    }

    /// Samples of nodes came in. They wake nobody.
    pub fn sampled(&self, samples: impl IntoIterator<Item = NodeSample>) {
        let mut inner = self.inner();
        for sample in samples {
            let peak = inner.peaks.entry(sample.node.role().clone()).or_default();
            peak.anonymous = peak.anonymous.max(ByteSize::bytes(sample.anonymous_bytes));
            peak.ramdisk = peak.ramdisk.max(ByteSize::bytes(sample.ramdisk_bytes));
            peak.kernel = peak.kernel.max(ByteSize::bytes(sample.kernel_bytes.unwrap_or(0)));
            inner.samples.insert(sample.node.clone(), sample);
        }
    }

    /// All desired nodes, sorted.
    pub fn nodes(&self) -> Vec<NodeName> {
        let mut nodes: Vec<NodeName> = self.record().plan.nodes().map(|(_, node)| node.name.clone()).collect();
        nodes.sort();
        nodes
    }

    /// What was last seen of a node.
    pub fn status(&self, node: &NodeName) -> Option<NodeStatus> {
        self.inner().statuses.get(node).cloned()
    }

    /// What was last seen of all nodes, also of such that are no longer desired.
    pub fn statuses(&self) -> BTreeMap<NodeName, NodeStatus> {
        self.inner().statuses.clone()
    }

    /// The last sample of a node.
    pub fn sample(&self, node: &NodeName) -> Option<NodeSample> {
        self.inner().samples.get(node).cloned()
    }

    /// The most memory that a node of each role was seen to use.
    pub fn peaks(&self) -> BTreeMap<RoleName, Peak> {
        self.inner().peaks.clone()
    }

    /// What the system under test last said of a role.
    pub fn column(&self, role: &RoleName) -> Option<Column> {
        self.inner().columns.get(role).cloned()
    }

    /// What the system under test says of one node.
    pub fn seen(&self, node: &NodeName) -> SeenColumn {
        let inner = self.inner();
        let asked = inner.record.scenario.role.get(node.role()).is_some_and(|role| role.seen.is_some());
        if !asked {
            return SeenColumn::NotAsked;
        }
        match inner.columns.get(node.role()).and_then(|column| column.sighting.as_ref()) {
            Some(Sighting::Names(names)) if names.contains(node) => SeenColumn::Yes,
            Some(Sighting::Names(_)) => SeenColumn::No,
            Some(Sighting::Count(_)) | None => SeenColumn::Unknown,
        }
    }

    /// A role's nodes, counted.
    pub fn membership(&self, role: &RoleName) -> RoleMembership {
        let inner = self.inner();
        let wanted: BTreeSet<NodeName> =
            inner.record.plan.nodes().map(|(_, node)| node.name.clone()).filter(|node| node.role() == role).collect();
        let asked = inner.record.scenario.role.get(role).is_some_and(|role| role.seen.is_some());
        let said = match inner.columns.get(role) {
            _ if !asked => Said::NotAsked,
            None => Said::Nothing,
            Some(column) => Said::Column(column),
        };
        RoleMembership::count(role, &wanted, &inner.statuses, said)
    }

    /// All roles, counted.
    pub fn memberships(&self) -> Vec<RoleMembership> {
        let roles: Vec<RoleName> = self.record().scenario.role.keys().cloned().collect();
        roles.iter().map(|role| self.membership(role)).collect()
    }

    /// By what a role's nodes can be told.
    pub fn directory(&self, role: &RoleName) -> Directory {
        let inner = self.inner();
        let mut directory = Directory::default();
        for (host, node) in inner.record.plan.nodes().filter(|(_, node)| node.name.role() == role) {
            let ports = node.ports.iter().flat_map(|ports| ports.range.iter());
            let id = inner.statuses.get(&node.name).and_then(|status| status.container_id.as_deref());
            directory.add(&node.name, host.address, ports, id);
        }
        directory
    }
}
