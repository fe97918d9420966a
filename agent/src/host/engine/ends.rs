//! How many containers are made to end at once.
//!
//! An engine that handles the ends of several containers at once can wait for itself for good. In dockerd 20.10 whoever
//! lists a network's names takes the network's lock and then the controller's (libnetwork's `getSvcRecords`), and whoever
//! hears of an endpoint that is gone takes them the other way round (`processEndpointDelete`): seen in dumps of its
//! goroutines, in two of five teardowns of 1000 containers, eight ends at once or more. The more containers there are, the
//! longer the locks are held; and it takes a third one that holds the controller's meanwhile. So of many containers two are
//! made to end at once: the next when the end of one before was told. One at a time would take twice as long.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::model::ContainerId;

/// Most at once, as long as nodes are few.
const AT_ONCE_MAX: usize = 4;
/// Least at once, from so many nodes on.
const AT_ONCE_MIN: usize = 2;
const NODES_OF_MIN: usize = 400;
/// An end that is not told within this is waited for no longer: the engine is silent, or its events broke off.
const TOLD_WITHIN: Duration = Duration::from_secs(5);
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// A container that takes longer than this ends in a time of its own, not with the others.
pub const PROMPT: Duration = Duration::from_millis(250);

/// The ends that the engine is still to tell.
#[derive(Debug, Default)]
pub struct Ends {
    nodes: AtomicUsize,
    untold: Mutex<BTreeMap<ContainerId, Instant>>,
    told: Notify,
}

impl Ends {
    /// So many nodes are on this host.
    pub fn of(&self, nodes: usize) {
        self.nodes.store(nodes, Ordering::Relaxed);
    }

    /// Waits until one more may be made to end.
    pub async fn begin(&self, id: &ContainerId) {
        while !self.begins(id) {
            // One that is told meanwhile is not missed: the notice is kept. After a while it is looked without one.
            let _ = timeout(LOOK_INTERVAL, self.told.notified()).await;
        }
    }

    fn begins(&self, id: &ContainerId) -> bool {
        let mut untold = self.untold();
        untold.retain(|_, began| began.elapsed() < TOLD_WITHIN);
        let is_free = untold.len() < at_once(self.nodes.load(Ordering::Relaxed));
        if is_free {
            untold.insert(id.clone(), Instant::now());
        }
        is_free
    }

    /// The engine has told its end, or it does not end yet.
    pub fn over(&self, id: &ContainerId) {
        if self.untold().remove(id).is_some() {
            self.told.notify_one();
        }
    }

    fn untold(&self) -> MutexGuard<'_, BTreeMap<ContainerId, Instant>> {
        // Every change is one step: a panic elsewhere leaves the map sound.
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn at_once(nodes: usize) -> usize {
    (AT_ONCE_MIN * NODES_OF_MIN / nodes.max(1)).clamp(AT_ONCE_MIN, AT_ONCE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> ContainerId {
        ContainerId(number.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_one_ends_when_one_before_was_told_or_is_told_no_more() {
        let ends = Ends::default();
        for number in 0..AT_ONCE_MAX {
            ends.begin(&id(number)).await;
        }
        assert!(timeout(Duration::from_secs(1), ends.begin(&id(100))).await.is_err(), "one too many");
        ends.over(&id(3));
        ends.over(&id(3));
        ends.begin(&id(101)).await;
        assert!(timeout(Duration::from_secs(1), ends.begin(&id(102))).await.is_err(), "one place was given back");
        let began = Instant::now();
        for number in 200..200 + AT_ONCE_MAX {
            ends.begin(&id(number)).await;
        }
        assert!(began.elapsed() < TOLD_WITHIN * 2, "a silent engine holds nobody up for good");
    }

    #[test]
    fn the_more_nodes_there_are_the_fewer_end_at_once() {
        assert_eq!([0, 1, 100, 200, 250, 400, 1000].map(at_once), [4, 4, 4, 4, 3, 2, 2]);
    }
}
