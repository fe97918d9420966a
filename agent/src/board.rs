//! The board: what the agent last said of every node, of its work and of its host, and who is listening.
//!
//! Written by the reconcile loop and the telemetry, read by the `Watch` stream. A listener first gets everything that
//! stands on the board, then every change. One that does not keep up is dropped: it asks again and gets everything anew.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use throng_common::ids::{ClusterId, NodeName};
use throng_common::status::{AgentEvent, HostProgress, NodeStatus, SysctlChange};
use throng_failpoints::{Fault, planted};
use tokio::sync::mpsc;

/// Events that may wait for one listener: a change of every node of a full host, several times over.
const LISTENER_QUEUE_EVENTS: usize = 8192;

/// The board.
#[derive(Debug, Default)]
pub struct Board {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    nodes: BTreeMap<(ClusterId, NodeName), NodeStatus>,
    sysctls: BTreeMap<String, SysctlChange>,
    progress: Option<HostProgress>,
    listeners: Vec<mpsc::Sender<AgentEvent>>,
}

impl Board {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Every change is a single insert or remove: a panic elsewhere leaves the maps sound.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says something. What changes nothing is not said again.
    pub fn publish(&self, event: AgentEvent) {
        let mut inner = self.inner();
        let news = match &event {
            AgentEvent::Node(status) => {
                let key = (status.cluster.clone(), status.node.clone());
                let known = inner.nodes.insert(key, status.clone());
                known.is_none_or(|known| NodeStatus { observed_at: status.observed_at, ..known } != *status)
            }
            AgentEvent::Gone { cluster, node } => inner.nodes.remove(&(cluster.clone(), node.clone())).is_some(),
            AgentEvent::Progress(progress) => inner.progress.replace(progress.clone()).as_ref() != Some(progress),
            AgentEvent::Sysctl(change) => {
                inner.sysctls.insert(change.key.clone(), change.clone()).as_ref() != Some(change)
            }
            AgentEvent::Host(_) | AgentEvent::Nodes(_) => true,
        };
        let lost = planted(Fault::LoseEvent) && matches!(&event, AgentEvent::Node(status) if status.restarts > 0);
        if news && !lost {
            inner.listeners.retain(|listener| listener.try_send(event.clone()).is_ok());
        }
    }

    /// Everything that stands on the board, and a queue of what comes.
    pub fn listen(&self) -> (Vec<AgentEvent>, mpsc::Receiver<AgentEvent>) {
        let (sender, receiver) = mpsc::channel(LISTENER_QUEUE_EVENTS);
        let mut inner = self.inner();
        let mut all: Vec<AgentEvent> = inner.nodes.values().cloned().map(AgentEvent::Node).collect();
        all.extend(inner.sysctls.values().cloned().map(AgentEvent::Sysctl));
        all.extend(inner.progress.clone().map(AgentEvent::Progress));
        inner.listeners.push(sender);
        (all, receiver)
    }

    /// How many listen.
    pub fn listeners(&self) -> usize {
        let mut inner = self.inner();
        inner.listeners.retain(|listener| !listener.is_closed());
        inner.listeners.len()
    }

    /// What was last said of a node.
    pub fn node(&self, cluster: &ClusterId, node: &NodeName) -> Option<NodeStatus> {
        self.inner().nodes.get(&(cluster.clone(), node.clone())).cloned()
    }

    /// What was last said of all nodes.
    pub fn nodes(&self) -> Vec<NodeStatus> {
        self.inner().nodes.values().cloned().collect()
    }
}
