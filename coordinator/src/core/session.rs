//! One task a connected host: tells it what it must hold, then takes in what it sees.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use throng_common::ids::{ClusterId, HostId, NodeName};
use throng_common::status::{AgentEvent, NodePhase, NodeStatus};
use throng_failpoints::{Point, hit};
use throng_proto::agent as wire;
use tokio::task::AbortHandle;

use super::coordinator::Core;
use crate::clock;
use crate::fleet::LinkState;
use crate::store::NewEvent;

/// How often hosts and nodes are sampled while no run is under way.
const IDLE_SAMPLE_INTERVAL: Duration = Duration::from_secs(15);

/// How often they are during a run: a peak of memory that lasts a second is seen.
const RUN_SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// The interval of the ticker during a run whose lateness tells how starved a host is.
const RUN_TICK_INTERVAL: Duration = Duration::from_millis(100);

/// The wait before a host whose stream ended, though its link lives, is asked again.
const RETRY_WAIT: Duration = Duration::from_millis(500);

/// The wait before a host is told again that could not be, though its link lives: it did not answer in time, or refused.
const TELL_AGAIN: Duration = Duration::from_secs(10);

/// Why a watch ended that did not fail.
enum WatchEnd {
    /// A run began, or the last one ended.
    OtherPace,
    /// The agent ended it.
    Over,
}

fn watch_request(is_run: bool) -> wire::WatchRequest {
    let millis = |interval: Duration| u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
    if is_run {
        wire::WatchRequest {
            sample_interval_millis: millis(RUN_SAMPLE_INTERVAL),
            tick_interval_millis: millis(RUN_TICK_INTERVAL),
        }
    } else {
        wire::WatchRequest { sample_interval_millis: millis(IDLE_SAMPLE_INTERVAL), tick_interval_millis: 0 }
    }
}

impl Core {
    /// Keeps a session with every host that is connected, until the coordinator ends.
    pub async fn keep_sessions(self: Arc<Self>) {
        let mut states = self.fleet.watch();
        let mut sessions: BTreeMap<HostId, (u64, AbortHandle)> = BTreeMap::new();
        loop {
            let connected: BTreeMap<HostId, u64> = states
                .borrow_and_update()
                .iter()
                .filter_map(|(host, state)| match state {
                    LinkState::Connected { connection, .. } => Some((host.clone(), *connection)),
                    LinkState::Disconnected { .. } => None,
                })
                .collect();
            sessions.retain(|host, (connection, task)| {
                let current = connected.get(host) == Some(connection);
                if !current {
                    task.abort();
                    self.measurements.linked(host, false);
                }
                current
            });
            let present: BTreeSet<HostId> = sessions.keys().cloned().collect();
            for (host, connection) in connected.into_iter().filter(|(host, _)| !present.contains(host)) {
                let task = self.tasks.spawn(Arc::clone(&self).session(host.clone()));
                sessions.insert(host, (connection, task.abort_handle()));
            }
            tokio::select! {
                () = self.stop.cancelled() => break,
                changed = states.changed() => if changed.is_err() { break },
            }
        }
        for (_, task) in sessions.into_values() {
            task.abort();
        }
    }

    async fn session(self: Arc<Self>, host: HostId) {
        hit(Point::SessionBegun);
        self.measurements.linked(&host, true);
        if let Some(LinkState::Connected { hello, .. }) = self.fleet.state(&host) {
            if let Some(facts) = hello.facts.clone() {
                self.hosts.hear(&host, |view| view.facts = Some(facts));
            }
            self.write_down(self.find_unknown(&host, &hello.clusters)).await;
            // An agent that outlived this journal holds a higher generation than the journal knows.
            if let Err(error) = self.store.raise_generation(host.clone(), hello.generation).await {
                tracing::error!(%host, %error, "the host's generation could not be kept");
            }
        }
        self.note(None, &host, "host-connected", "its agent is connected").await;
        loop {
            let told = self.tell(&host).await;
            if let Err(error) = &told {
                tracing::warn!(%host, %error, "the host could not be told what it must hold");
            }
            tokio::select! {
                () = self.take_in_all(&host) => tokio::time::sleep(RETRY_WAIT).await,
                // A stream that is broken off for this begins anew with all that stands.
                () = tokio::time::sleep(TELL_AGAIN), if told.is_err() => {}
            }
        }
    }

    async fn take_in_all(self: &Arc<Self>, host: &HostId) {
        loop {
            match self.take_in(host).await {
                Ok(WatchEnd::OtherPace) => {}
                Ok(WatchEnd::Over) => return,
                Err(error) => {
                    tracing::info!(%host, %error, "the stream of what the host sees ended");
                    return;
                }
            }
        }
    }

    /// Notes what a host holds and the journal does not know: it was lost or is an older copy. Nobody asked for its end.
    /// What is new of it is to be journalled.
    fn find_unknown(&self, host: &HostId, held: &[ClusterId]) -> Vec<NewEvent> {
        let unknown: BTreeSet<ClusterId> = held.iter().filter(|id| self.cluster(id).is_none()).cloned().collect();
        let before = self.hosts.get(host).unknown;
        let found = unknown.difference(&before).map(|cluster| NewEvent {
            at: clock::now(),
            cluster: Some(cluster.clone()),
            subject: host.to_string(),
            kind: "cluster-unknown".to_owned(),
            message: format!(
                "{host} holds it, and the journal does not know it: `throng down --orphans` takes it down"
            ),
        });
        let found = found.collect();
        if unknown != before {
            self.hosts.hear(host, |view| view.unknown = unknown);
        }
        found
    }

    /// Takes in what a host sees, until its stream ends or samples are wanted at another pace: it is asked anew then.
    async fn take_in(self: &Arc<Self>, host: &HostId) -> Result<WatchEnd, crate::fleet::FleetError> {
        let mut recording = self.measurements.watch();
        let is_run = *recording.borrow_and_update() > 0;
        let request = watch_request(is_run);
        let mut stream =
            self.fleet.open(host, request, |mut agent, request| async move { agent.watch(request).await }).await?;
        // A stream begins with all nodes, then how the work stands.
        let mut listing = Some(BTreeSet::new());
        loop {
            // Both are cancel safe: an answer that was not taken is the next one, and the count is still what it is.
            let batch = tokio::select! {
                batch = stream.next() => batch?,
                _ = recording.wait_for(|held| (*held > 0) != is_run) => return Ok(WatchEnd::OtherPace),
            };
            let Some(batch) = batch else { return Ok(WatchEnd::Over) };
            let mut notable = Vec::new();
            for event in batch.events {
                let event = match AgentEvent::try_from(event) {
                    Ok(event) => event,
                    Err(error) => {
                        tracing::warn!(%host, %error, "an event of the agent is not understood");
                        continue;
                    }
                };
                match (&event, &mut listing) {
                    (AgentEvent::Node(status), Some(listed)) => {
                        listed.insert((status.cluster.clone(), status.node.clone()));
                    }
                    (AgentEvent::Progress(_), listing) => {
                        if let Some(listed) = listing.take() {
                            self.listed(host, listed);
                        }
                    }
                    _ => {}
                }
                self.measurements.happened(host, &event);
                notable.extend(self.happened(host, event));
            }
            // In one go: each time the disk is waited for.
            self.write_down(notable).await;
        }
    }

    /// The agent has named all nodes of its host.
    fn listed(&self, host: &HostId, listed: BTreeSet<(ClusterId, NodeName)>) {
        let mut by_cluster: BTreeMap<ClusterId, BTreeSet<NodeName>> = BTreeMap::new();
        for (cluster, node) in listed {
            by_cluster.entry(cluster).or_default().insert(node);
        }
        for cluster in self.clusters() {
            let nodes = by_cluster.remove(&cluster.record().id).unwrap_or_default();
            cluster.only_these(host, &nodes);
        }
    }

    /// Takes in what happened on a host; what of it is to be journalled.
    fn happened(self: &Arc<Self>, host: &HostId, event: AgentEvent) -> Vec<NewEvent> {
        match event {
            AgentEvent::Node(status) => {
                if let Some(cluster) = self.cluster(&status.cluster) {
                    let before = cluster.node_seen(host, status.clone());
                    self.let_begin(&cluster, host, &status);
                    return notable(&status, before.as_ref()).into_iter().collect();
                }
            }
            AgentEvent::Gone { cluster, node } => {
                if let Some(cluster) = self.cluster(&cluster) {
                    cluster.node_gone(host, &node);
                }
            }
            AgentEvent::Progress(progress) => {
                let found = self.find_unknown(host, &progress.clusters);
                self.hosts.hear(host, |view| view.progress = Some(progress));
                return found;
            }
            AgentEvent::Sysctl(change) => {
                for cluster in self.clusters() {
                    let (host, change) = (host.clone(), change.clone());
                    cluster.edit(|record| {
                        let changes = record.sysctls.entry(host).or_default();
                        let known = changes.entry(change.key.clone()).or_insert_with(|| change.clone());
                        known.written = change.written;
                    });
                }
            }
            AgentEvent::Host(sample) => self.hosts.hear(host, |view| view.sample = Some(sample)),
            AgentEvent::Nodes(samples) => {
                for cluster in self.clusters() {
                    let id = cluster.record().id.clone();
                    cluster.sampled(samples.iter().filter(|sample| sample.cluster == id).cloned());
                }
            }
        }
        Vec::new()
    }
}

/// What a person would ask about later: ends, failures, comebacks. Not every step of a start.
fn notable(status: &NodeStatus, before: Option<&NodeStatus>) -> Option<NewEvent> {
    let was = before.map(|before| before.phase);
    if was == Some(status.phase) {
        return None;
    }
    let kind = match status.phase {
        NodePhase::Ready if before.is_some_and(|before| before.restarts < status.restarts) => "node-back",
        NodePhase::Ready if was == Some(NodePhase::Unready) => "node-answers-again",
        NodePhase::Ready => "node-ready",
        NodePhase::Unready => "node-unready",
        NodePhase::Backoff => "node-ended",
        NodePhase::Failed => "node-failed",
        NodePhase::Unknown => "node-unknown",
        NodePhase::Pending | NodePhase::Preparing | NodePhase::Starting | NodePhase::Stopping | NodePhase::Stopped => {
            return None;
        }
    };
    let message = status.reason.as_ref().map(ToString::to_string).unwrap_or_default();
    Some(NewEvent {
        at: clock::now(),
        cluster: Some(status.cluster.clone()),
        subject: status.node.to_string(),
        kind: kind.to_owned(),
        message,
    })
}
