//! Who is connected.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use throng_common::ids::{Epoch, FleetId, HostId};
use throng_proto::agent::agent_client::AgentClient;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::link::Link;
use super::{DisconnectReason, FleetError, Hello, LinkService, LinkState};
use crate::clock;

/// All links of one coordinator's life; clones share them.
#[derive(Debug, Clone)]
pub struct Fleet {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) fleet: FleetId,
    pub(super) epoch: Epoch,
    connections: AtomicU64,
    links: Mutex<BTreeMap<HostId, Link>>,
    states: watch::Sender<BTreeMap<HostId, LinkState>>,
    pub(super) tasks: TaskTracker,
    pub(super) closing: CancellationToken,
}

impl Fleet {
    /// A fleet without links.
    pub fn new(fleet: FleetId, epoch: Epoch) -> Self {
        let inner = Inner {
            fleet,
            epoch,
            connections: AtomicU64::new(0),
            links: Mutex::default(),
            states: watch::Sender::default(),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Changes whenever a host connects or disconnects; holds every host that was ever connected in this life.
    pub fn watch(&self) -> watch::Receiver<BTreeMap<HostId, LinkState>> {
        self.inner.states.subscribe()
    }

    /// Where a host's link stands; none when it has not connected in this life.
    pub fn state(&self, host: &HostId) -> Option<LinkState> {
        self.inner.states.borrow().get(host).cloned()
    }

    /// The hosts that can be called now.
    pub fn connected(&self) -> Vec<HostId> {
        self.inner.links().keys().cloned().collect()
    }

    /// A client for a host's agent. Prefer [`Fleet::call`] and [`Fleet::open`]: they bound the wait and name the host.
    pub fn client(&self, host: &HostId) -> Result<AgentClient<LinkService>, FleetError> {
        Ok(self.inner.link(host)?.client)
    }

    /// Waits until a host is connected; an error with the reason when it is not within this time.
    pub async fn wait_connected(&self, host: &HostId, within: Duration) -> Result<(), FleetError> {
        let mut states = self.watch();
        let connected = states.wait_for(|states| states.get(host).is_some_and(LinkState::is_connected));
        match tokio::time::timeout(within, connected).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => self.inner.link(host).map(drop),
        }
    }

    /// Runs a task that [`Fleet::close`] ends (it is dropped) and waits for.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let closing = self.inner.closing.clone();
        self.inner.tasks.spawn(async move { closing.run_until_cancelled_owned(task).await });
    }

    /// Ends all links, lets no new one in, and waits until their tasks have ended.
    pub async fn close(&self) {
        self.inner.closing.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

impl Inner {
    fn links(&self) -> MutexGuard<'_, BTreeMap<HostId, Link>> {
        // No code panics while it holds the lock, so what it guards is whole.
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn link(&self, host: &HostId) -> Result<Link, FleetError> {
        self.links().get(host).cloned().ok_or_else(|| {
            let reason = match self.states.borrow().get(host) {
                Some(LinkState::Disconnected { reason, .. }) => reason.clone(),
                Some(LinkState::Connected { .. }) | None => DisconnectReason::NeverConnected,
            };
            FleetError::NotConnected { host: host.clone(), reason }
        })
    }

    /// Puts a link in its host's place and closes the one that was there. A link older than what is there is closed
    /// instead: of two connections the one that began later wins, whichever was greeted first. Whether it was taken.
    pub(super) fn insert(&self, host: &HostId, link: Link, hello: Arc<Hello>) -> bool {
        let mut links = self.links();
        if self.closing.is_cancelled() {
            link.end.close(DisconnectReason::ClosedHere);
            return false;
        }
        if let Some(present) = links.get(host) {
            if present.connection > link.connection {
                link.end.close(DisconnectReason::Superseded);
                return false;
            }
            present.end.close(DisconnectReason::Superseded);
        }
        let state = LinkState::Connected { connection: link.connection, since: link.since, hello };
        links.insert(host.clone(), link);
        // Under the lock, so that the states tell of changes in their order.
        self.states.send_modify(|states| drop(states.insert(host.clone(), state)));
        true
    }

    /// Takes a link that ended out of the registry, unless another has its place by now.
    pub(super) fn remove(&self, host: &HostId, connection: u64, reason: DisconnectReason) {
        let mut links = self.links();
        if links.get(host).is_some_and(|present| present.connection == connection) {
            links.remove(host);
            let state = LinkState::Disconnected { since: clock::now(), reason };
            self.states.send_modify(|states| drop(states.insert(host.clone(), state)));
        }
    }
}
