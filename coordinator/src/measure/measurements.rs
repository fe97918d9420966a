//! Who records, and what is handed to them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use throng_common::ids::{ClusterId, HostId};
use throng_common::status::AgentEvent;
use tokio::sync::watch;

use super::recording::Recording;
use crate::suite::RunClock;

/// All recordings that are under way.
#[derive(Debug)]
pub struct Measurements {
    recordings: Mutex<Vec<Weak<Recording>>>,
    held: watch::Sender<usize>,
}

impl Default for Measurements {
    fn default() -> Self {
        Self { recordings: Mutex::default(), held: watch::Sender::new(0) }
    }
}

impl Measurements {
    fn recordings(&self) -> MutexGuard<'_, Vec<Weak<Recording>>> {
        // Every change is a single push or retain: a panic elsewhere leaves the list sound.
        self.recordings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records for as long as what this gives is held. Hosts that have no part in the cluster are sampled more often
    /// too: which have one changes when it is scaled, and a sample costs next to nothing.
    pub fn begin(&self, cluster: ClusterId, clock: RunClock) -> Arc<Recording> {
        let recording = Arc::new(Recording::new(cluster, clock, self.held.clone()));
        let mut recordings = self.recordings();
        recordings.retain(|known| known.strong_count() > 0);
        recordings.push(Arc::downgrade(&recording));
        recording
    }

    /// How many record; wakes when that changes.
    pub fn watch(&self) -> watch::Receiver<usize> {
        self.held.subscribe()
    }

    /// A host's agent saw something.
    pub fn happened(&self, host: &HostId, event: &AgentEvent) {
        for recording in self.recordings().iter().filter_map(Weak::upgrade) {
            match event {
                AgentEvent::Host(sample) => recording.host_sampled(host, sample),
                AgentEvent::Nodes(samples) => recording.nodes_sampled(host, samples),
                AgentEvent::Node(status) => recording.node_seen(host, status),
                AgentEvent::Gone { cluster, node } => recording.node_gone(cluster, node),
                AgentEvent::Progress(progress) => recording.progressed(host, progress),
                AgentEvent::Sysctl(_) => {}
            }
        }
    }

    /// A host's agent is connected, or is not.
    pub fn linked(&self, host: &HostId, is_linked: bool) {
        for recording in self.recordings().iter().filter_map(Weak::upgrade) {
            recording.linked(host, is_linked);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use throng_common::status::{HostSample, UnixMillis};

    use super::*;

    fn sample(seconds: u64) -> AgentEvent {
        AgentEvent::Host(HostSample { uptime: Duration::from_secs(seconds), ..HostSample::default() })
    }

    #[tokio::test]
    async fn agents_are_to_hurry_only_while_somebody_records() {
        let (measurements, host) = (Measurements::default(), "a".parse().unwrap());
        let held = measurements.watch();
        measurements.happened(&host, &sample(1));
        let recording = measurements.begin("c-x7k2".parse().unwrap(), RunClock::start(UnixMillis(0)));
        let other = measurements.begin("c-x7k2".parse().unwrap(), RunClock::start(UnixMillis(0)));
        assert_eq!(*held.borrow(), 2);
        measurements.happened(&host, &sample(2));
        drop(other);
        measurements.happened(&host, &sample(3));
        assert_eq!(recording.loads([&host])[&host].samples.len(), 1);
        drop(recording);
        assert_eq!(*held.borrow(), 0);
        measurements.happened(&host, &sample(4));
    }
}
