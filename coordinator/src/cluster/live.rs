//! A cluster as the coordinator holds it in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use throng_common::ids::{ClusterId, HostId, Incarnation, NodeName, RoleName};
use throng_common::scenario::model::Scenario;
use throng_common::status::{NodePhase, NodeSample, NodeStatus, SysctlChange, UnixMillis};
use tokio::sync::watch;
use tokio::time::Instant;

use super::membership::{Column, RoleMembership, Said, SeenColumn};
use super::sighting::{Directory, Sighting};
use crate::planner::plan::Plan;
use crate::planner::preparing::{Preparing, is_shared};

/// Where a cluster stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClusterState {
    /// It is being brought up.
    Starting,
    /// It is up.
    Up,
    /// What its nodes wrote is being wiped: nothing of them is wanted until it begins anew.
    Resetting,
    /// It is being taken down.
    Stopping,
}

impl ClusterState {
    /// The word in tables.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Up => "up",
            Self::Resetting => "resetting",
            Self::Stopping => "stopping",
        }
    }

    /// Whether its nodes have a part in what hosts are told.
    pub const fn has_nodes(self) -> bool {
        match self {
            Self::Starting | Self::Up => true,
            Self::Resetting | Self::Stopping => false,
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
    /// Nodes that run or ran, of those for which others wait, for they prepare for them too.
    #[serde(default)]
    pub prepared: BTreeSet<NodeName>,
    /// Sysctls that agents changed, by host: a second copy of what the agents' ledgers hold.
    pub sysctls: BTreeMap<HostId, BTreeMap<String, SysctlChange>>,
    /// Hosts that had nodes of it and have no part in the plan any more. They are told so, and asked what is left.
    #[serde(default)]
    pub former_hosts: BTreeSet<HostId>,
    /// Where it stands.
    pub state: ClusterState,
    /// Since when it is there.
    pub created: UnixMillis,
    /// What it is being changed to; none: it is all of one scenario.
    #[serde(default)]
    pub pending: Option<Pending>,
}

impl ClusterRecord {
    /// The hosts of its plan, and those that held nodes of it before.
    pub fn hosts(&self) -> Vec<HostId> {
        self.plan.hosts.iter().map(|host| host.host.clone()).chain(self.former_hosts.iter().cloned()).collect()
    }

    /// These nodes shall begin anew.
    pub fn begin_anew<'n>(&mut self, nodes: impl IntoIterator<Item = &'n NodeName>) {
        for node in nodes {
            let incarnation = self.incarnations.entry(node.clone()).or_default();
            *incarnation = incarnation.next();
        }
    }
}

/// A scenario that a cluster follows node by node. Its plan has the same nodes, with the same ports, on the same hosts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// The scenario.
    pub scenario: Scenario,
    /// Its plan.
    pub plan: Plan,
    /// The contents of the files that its roles give to nodes, by the path as the scenario writes it.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The nodes that are told it.
    pub done: BTreeSet<NodeName>,
}

/// What is meant for nodes, by host.
#[derive(Debug)]
pub struct Placed<T> {
    /// By the host that holds the nodes.
    pub hosts: BTreeMap<HostId, Vec<(NodeName, T)>>,
    /// Nodes that no host holds.
    pub strangers: Vec<NodeName>,
}

/// A cluster as the coordinator holds it in memory.
#[derive(Debug)]
pub struct LiveCluster {
    inner: Mutex<Inner>,
    /// Held while it is written to the journal; whether it was taken out of it.
    journalling: tokio::sync::Mutex<bool>,
    /// Held while other counts are planned.
    planning: tokio::sync::Mutex<()>,
    changes: watch::Sender<u64>,
}

/// What was last heard of a node, and from which host.
#[derive(Debug, Clone)]
struct Heard {
    host: HostId,
    status: NodeStatus,
}

#[derive(Debug)]
struct Inner {
    record: Arc<ClusterRecord>,
    statuses: BTreeMap<NodeName, Heard>,
    columns: BTreeMap<RoleName, Column>,
    samples: BTreeMap<NodeName, NodeSample>,
}

impl LiveCluster {
    /// A cluster of which nothing was heard yet.
    pub fn new(record: ClusterRecord) -> Self {
        let inner = Inner {
            record: Arc::new(record),
            statuses: BTreeMap::new(),
            columns: BTreeMap::new(),
            samples: BTreeMap::new(),
        };
        Self {
            inner: Mutex::new(inner),
            journalling: tokio::sync::Mutex::new(false),
            planning: tokio::sync::Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Every change is a single insert, remove or replacement: a panic elsewhere leaves the data sound.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Waits for the turn to write it to the journal, or to take it out: true once that was done.
    pub async fn journalling(&self) -> tokio::sync::MutexGuard<'_, bool> {
        self.journalling.lock().await
    }

    /// Waits for the turn to plan other counts: a plan is made of the one before.
    pub async fn planning(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.planning.lock().await
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

    /// Goes on to another state, with what changes with it; false, and nothing changes, where the cluster is on its way
    /// down: that is for good, whoever is still at work on it.
    #[must_use]
    pub fn advance(&self, state: ClusterState, change: impl FnOnce(&mut ClusterRecord)) -> bool {
        let mut goes_on = true;
        self.edit(|record| {
            goes_on = record.state != ClusterState::Stopping;
            if goes_on {
                record.state = state;
                change(record);
            }
        });
        goes_on
    }

    /// An agent saw a node. Gives what was heard of it before.
    pub fn node_seen(&self, host: &HostId, status: NodeStatus) -> Option<NodeStatus> {
        let before = self.inner().statuses.insert(status.node.clone(), Heard { host: host.clone(), status });
        self.changed();
        before.map(|heard| heard.status)
    }

    /// An agent says that nothing of a node is left on its host. Another host may have it by now.
    pub fn node_gone(&self, host: &HostId, node: &NodeName) {
        let mut inner = self.inner();
        if inner.statuses.get(node).is_some_and(|heard| heard.host == *host) {
            inner.statuses.remove(node);
            inner.samples.remove(node);
        }
        drop(inner);
        self.changed();
    }

    /// An agent has named all nodes that there are on its host: what others were heard of from it is out of date. Their
    /// end was told while nobody listened.
    pub fn only_these(&self, host: &HostId, nodes: &BTreeSet<NodeName>) {
        let mut inner = self.inner();
        let Inner { statuses, samples, .. } = &mut *inner;
        statuses.retain(|node, heard| heard.host != *host || nodes.contains(node));
        samples.retain(|node, _| statuses.contains_key(node));
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
            inner.samples.insert(sample.node.clone(), sample);
        }
    }

    /// All desired nodes, sorted.
    pub fn nodes(&self) -> Vec<NodeName> {
        let mut nodes: Vec<NodeName> = self.record().plan.nodes().map(|(_, node)| node.name.clone()).collect();
        nodes.sort();
        nodes
    }

    /// Sorts what is meant for nodes by the hosts that hold them.
    pub fn place<T>(&self, targets: Vec<(NodeName, T)>) -> Placed<T> {
        let record = self.record();
        let places: BTreeMap<&NodeName, &HostId> =
            record.plan.nodes().map(|(host, node)| (&node.name, &host.host)).collect();
        let mut placed = Placed { hosts: BTreeMap::new(), strangers: Vec::new() };
        for (node, target) in targets {
            match places.get(&node) {
                Some(host) => placed.hosts.entry((*host).clone()).or_default().push((node, target)),
                None => placed.strangers.push(node),
            }
        }
        placed
    }

    /// What was last seen of a node.
    pub fn status(&self, node: &NodeName) -> Option<NodeStatus> {
        self.inner().statuses.get(node).map(|heard| heard.status.clone())
    }

    /// What was last seen of all nodes, with the host that it was heard from.
    pub fn heard(&self) -> Vec<(HostId, NodeStatus)> {
        self.inner().statuses.values().map(|heard| (heard.host.clone(), heard.status.clone())).collect()
    }

    /// What was last seen of all nodes, also of such that are no longer desired.
    pub fn statuses(&self) -> BTreeMap<NodeName, NodeStatus> {
        self.inner().statuses.iter().map(|(node, heard)| (node.clone(), heard.status.clone())).collect()
    }

    /// The last sample of a node.
    pub fn sample(&self, node: &NodeName) -> Option<NodeSample> {
        self.inner().samples.get(node).cloned()
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
            Some(Sighting::Count(_)) => SeenColumn::Unknown,
            None => SeenColumn::Unanswered,
        }
    }

    /// A role's nodes, counted.
    pub fn membership(&self, role: &RoleName) -> RoleMembership {
        self.count(role, None)
    }

    /// A role's nodes, counted. What the system under test said when it was asked before `since` is not believed.
    pub fn membership_since(&self, role: &RoleName, since: Instant) -> RoleMembership {
        self.count(role, Some(since))
    }

    fn count(&self, role: &RoleName, since: Option<Instant>) -> RoleMembership {
        let inner = self.inner();
        let wanted: BTreeSet<NodeName> =
            inner.record.plan.nodes().map(|(_, node)| node.name.clone()).filter(|node| node.role() == role).collect();
        let asked = inner.record.scenario.role.get(role).is_some_and(|role| role.seen.is_some());
        let said = match inner.columns.get(role).filter(|column| since.is_none_or(|since| column.asked >= since)) {
            _ if !asked => Said::NotAsked,
            None => Said::Nothing,
            Some(column) => Said::Column(column),
        };
        let status = |node: &NodeName| inner.statuses.get(node).map(|heard| &heard.status);
        let mut counted = RoleMembership::count(role, &wanted, status, said);
        let record = &inner.record;
        if is_shared(&record.scenario, role) {
            let preparing = Preparing::new(&record.plan, &record.scenario, &record.prepared);
            let hosts: BTreeMap<&NodeName, &HostId> =
                record.plan.nodes().map(|(host, node)| (&node.name, &host.host)).collect();
            counted.explain_waiting(|node| {
                let first =
                    preparing.before(hosts.get(node)?, node).filter(|first| !record.prepared.contains(*first))?;
                Some((first, status(first).is_some_and(|status| status.phase == NodePhase::Failed)))
            });
        }
        counted
    }

    /// All roles, counted.
    pub fn memberships(&self) -> Vec<RoleMembership> {
        self.roles().iter().map(|role| self.count(role, None)).collect()
    }

    /// All roles, counted. What the system under test said when it was asked before `since` is not believed.
    pub fn memberships_since(&self, since: Instant) -> Vec<RoleMembership> {
        self.roles().iter().map(|role| self.count(role, Some(since))).collect()
    }

    fn roles(&self) -> Vec<RoleName> {
        self.record().scenario.role.keys().cloned().collect()
    }

    /// By what a role's nodes can be told.
    pub fn directory(&self, role: &RoleName) -> Directory {
        let inner = self.inner();
        let mut directory = Directory::default();
        for (host, node) in inner.record.plan.nodes().filter(|(_, node)| node.name.role() == role) {
            let ports = node.ports.iter().flat_map(|ports| ports.range.iter());
            let id = inner.statuses.get(&node.name).and_then(|heard| heard.status.container_id.as_deref());
            directory.add(&node.name, host.address, ports, id);
            let role = inner.record.scenario.role.get(node.name.role());
            if let Some(with) = role.and_then(|role| role.with.as_ref()) {
                directory.also_called(&node.name, &NodeName::new(with.clone(), node.name.index()));
            }
        }
        directory
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::sample;
    use crate::planner::tests::fixture::{host, redis, try_plan};

    fn cluster() -> LiveCluster {
        let scenario = redis(2);
        let plan = try_plan(&scenario, &[host("a")], None).unwrap();
        LiveCluster::new(sample::up("c-x7k2", scenario, plan))
    }

    fn status(node: &str) -> NodeStatus {
        sample::ready("c-x7k2", node)
    }

    #[test]
    fn a_node_whose_end_nobody_heard_is_forgotten_when_its_host_names_all_that_it_has() {
        let (a, b): (HostId, HostId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let cluster = cluster();
        for node in ["worker-0000", "worker-0001", "worker-0002"] {
            cluster.node_seen(&a, status(node));
        }
        cluster.node_seen(&b, status("worker-0003"));
        cluster.only_these(&a, &["worker-0000".parse().unwrap()].into());
        let known: Vec<String> = cluster.statuses().keys().map(ToString::to_string).collect();
        assert_eq!(known, ["worker-0000", "worker-0003"]);
    }

    #[test]
    fn a_node_that_moved_does_not_go_with_what_its_old_host_says_of_it() {
        let (a, b): (HostId, HostId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let (cluster, node) = (cluster(), "worker-0000".parse().unwrap());
        cluster.node_seen(&a, status("worker-0000"));
        cluster.node_seen(&b, status("worker-0000"));
        cluster.node_gone(&a, &node);
        assert!(cluster.status(&node).is_some());
        cluster.node_gone(&b, &node);
        assert!(cluster.status(&node).is_none());
    }

    #[test]
    fn a_cluster_that_is_on_its_way_down_goes_on_to_nothing_else() {
        let cluster = cluster();
        assert!(cluster.advance(ClusterState::Resetting, |record| record.wanted.clear()));
        assert_eq!((cluster.record().state, cluster.record().wanted.len()), (ClusterState::Resetting, 0));
        cluster.edit(|record| record.state = ClusterState::Stopping);
        let before = cluster.record();
        assert!(!cluster.advance(ClusterState::Starting, |record| record.incarnations.clear()));
        assert_eq!(cluster.record(), before);
    }
}
