//! What is known of hosts: facts, progress, the last sample.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use throng_common::ids::{ClusterId, Generation, HostId};
use throng_common::status::{HostFacts, HostProgress, HostSample, UnixMillis};
use tokio::sync::watch;

use crate::clock;

/// What is known of a host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HostView {
    /// What its agent said of it.
    pub facts: Option<HostFacts>,
    /// How its work stands.
    pub progress: Option<HostProgress>,
    /// The generation that it was last told.
    pub told: Generation,
    /// Its last sample.
    pub sample: Option<HostSample>,
    /// When anything was last heard of it.
    pub heard: UnixMillis,
    /// Clusters that it holds and the journal does not know: they stay until somebody says otherwise.
    pub unknown: BTreeSet<ClusterId>,
}

impl HostView {
    /// How its work stands with what it was last told; none where it has not heard that yet.
    fn progress(&self) -> Option<&HostProgress> {
        self.progress.as_ref().filter(|progress| progress.generation >= self.told)
    }
}

/// A turn to tell a host something.
pub(super) type Turn = tokio::sync::Mutex<()>;

/// What is known of all hosts.
#[derive(Debug)]
pub struct HostBook {
    hosts: Mutex<BTreeMap<HostId, HostView>>,
    telling: Mutex<BTreeMap<HostId, Arc<Turn>>>,
    released: Mutex<BTreeSet<ClusterId>>,
    changes: watch::Sender<u64>,
}

impl Default for HostBook {
    fn default() -> Self {
        Self {
            hosts: Mutex::default(),
            telling: Mutex::default(),
            released: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }
}

impl HostBook {
    fn hosts(&self) -> MutexGuard<'_, BTreeMap<HostId, HostView>> {
        // Every change is a single assignment: a panic elsewhere leaves the map sound.
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what a host has said.
    pub fn hear(&self, host: &HostId, change: impl FnOnce(&mut HostView)) {
        self.edit(host, |view| {
            view.heard = clock::now();
            change(view);
        });
    }

    /// Changes what is known of a host, of which nothing was heard.
    pub fn edit(&self, host: &HostId, change: impl FnOnce(&mut HostView)) {
        let mut hosts = self.hosts();
        let view = hosts.entry(host.clone()).or_default();
        change(view);
        drop(hosts);
        self.changes.send_modify(|count| *count += 1);
    }

    /// Held by whoever tells a host something.
    pub(super) fn telling(&self, host: &HostId) -> Arc<Turn> {
        let mut telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(telling.entry(host.clone()).or_default())
    }

    /// What is known of a host.
    pub fn get(&self, host: &HostId) -> HostView {
        self.hosts().get(host).cloned().unwrap_or_default()
    }

    /// All hosts.
    pub fn list(&self) -> BTreeMap<HostId, HostView> {
        self.hosts().clone()
    }

    /// Clusters that some host holds and the journal does not know.
    pub fn unknown(&self) -> BTreeSet<ClusterId> {
        self.hosts().values().flat_map(|view| view.unknown.clone()).collect()
    }

    /// From now on every host is told that these shall leave, which the journal does not know.
    pub fn release(&self, clusters: &BTreeSet<ClusterId>) {
        self.released.lock().unwrap_or_else(PoisonError::into_inner).extend(clusters.iter().cloned());
    }

    /// Clusters that the journal does not know and that shall leave.
    pub fn released(&self) -> BTreeSet<ClusterId> {
        self.released.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Wakes at every change.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Whether a host has come to rest with what it was last told.
    pub fn is_settled(&self, host: &HostId) -> bool {
        self.get(host).progress().is_some_and(|progress| progress.settled)
    }

    /// Whether a host has come to rest with what it was last told of these clusters, whatever it has to do for others.
    pub fn is_settled_with(&self, host: &HostId, clusters: &BTreeSet<ClusterId>) -> bool {
        let view = self.get(host);
        view.progress().is_some_and(|progress| progress.unsettled.iter().all(|id| !clusters.contains(id)))
    }
}
