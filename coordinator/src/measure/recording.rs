//! What one run records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use throng_common::ids::{ClusterId, HostId, RoleName};
use throng_common::status::{HostSample, NodeSample, NodeStatus};
use tokio::sync::watch;

use super::hosts::HostRecord;
use super::roles::{RoleUse, RoleUses};
use crate::report::load::HostLoad;
use crate::suite::RunClock;

/// Most intervals of all hosts together in a report, and fewest of one: it is a document, not a database.
const REPORTED_MAX: usize = 12_000;
const REPORTED_MIN: usize = 60;

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
}

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

    /// A node was seen.
    pub fn node_seen(&self, status: &NodeStatus) {
        if let (true, Some(image)) = (status.cluster == self.cluster, &status.image_id) {
            let mut inner = self.inner();
            inner.images.entry(status.node.role().clone()).or_default().insert(image.clone());
        }
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

impl Drop for Recording {
    fn drop(&mut self) {
        self.held.send_modify(|count| *count -= 1);
    }
}
