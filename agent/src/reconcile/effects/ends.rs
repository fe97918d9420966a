//! How many containers are made to end at once.
//!
//! An engine of 20.10 that is told the ends of many containers at once can wait for itself for good: each end holds the
//! lock of its network while it waits for room in a queue of 16, and whoever empties that queue waits for the lock
//! (libnetwork's `endpoint.Delete`, `unWatchSvcRecord` and `watchLoop`, seen in a dump of its goroutines after 1000 ends
//! at once). So the next one is asked to end only when the engine has told the end of one before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::host::engine::model::ContainerId;

/// Containers that were asked to end and whose end is not told: half of what the queue holds.
const AT_ONCE: usize = 8;
/// An end that is not told within this is waited for no longer: the engine is silent, or its events broke off.
const TOLD_WITHIN: Duration = Duration::from_secs(5);
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// A container that takes longer than this ends in a time of its own, not with the others.
pub(super) const PROMPT: Duration = Duration::from_millis(250);

/// The ends that the engine is still to tell.
#[derive(Debug)]
pub(super) struct Ends {
    places: Arc<Semaphore>,
    untold: Mutex<BTreeMap<ContainerId, (Instant, OwnedSemaphorePermit)>>,
}

impl Default for Ends {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE)), untold: Mutex::default() }
    }
}

impl Ends {
    /// Waits until one more may be made to end.
    pub(super) async fn begin(&self, id: &ContainerId) {
        let place = loop {
            match timeout(LOOK_INTERVAL, Arc::clone(&self.places).acquire_owned()).await {
                Ok(place) => break place.expect("the semaphore is never closed"),
                Err(_) => self.untold().retain(|_, (began, _)| began.elapsed() < TOLD_WITHIN),
            }
        };
        self.untold().insert(id.clone(), (Instant::now(), place));
    }

    /// The engine has told its end, or it does not end yet.
    pub(super) fn over(&self, id: &ContainerId) {
        self.untold().remove(id);
    }

    fn untold(&self) -> MutexGuard<'_, BTreeMap<ContainerId, (Instant, OwnedSemaphorePermit)>> {
        // Every change is one step: a panic elsewhere leaves the map sound.
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        for number in 0..AT_ONCE {
            ends.begin(&id(number)).await;
        }
        assert!(timeout(Duration::from_secs(1), ends.begin(&id(100))).await.is_err(), "one too many");
        ends.over(&id(3));
        ends.over(&id(3));
        ends.begin(&id(101)).await;
        assert!(timeout(Duration::from_secs(1), ends.begin(&id(102))).await.is_err(), "one place was given back");
        let began = Instant::now();
        for number in 200..200 + AT_ONCE {
            ends.begin(&id(number)).await;
        }
        assert!(began.elapsed() < TOLD_WITHIN * 2, "a silent engine holds nobody up for good");
    }
}
