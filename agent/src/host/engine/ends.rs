//! How many containers are made to end at once.
//!
//! An engine that handles the ends of several containers at once can wait for itself for good. In dockerd before 23
//! whoever lists a network's names takes the network's lock and then the controller's (libnetwork's `getSvcRecords`), and whoever
//! hears of an endpoint that is gone takes them the other way round (`processEndpointDelete`): seen in dumps of its
//! goroutines, in two of five teardowns of 1000 containers, eight ends at once or more. The more containers there are, the
//! longer the locks are held; and it takes a third one that holds the controller's meanwhile. So few are made to end at
//! once, of many containers two: the next when the end of one before was told. One at a time would take twice as long.
//!
//! Containers that take their time end when they like, so of those not many are asked at once either.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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
/// Most that were asked and take their time: more would come to their ends at once on a host that is busy.
const SLOW_MAX: usize = 12;
/// Engines from this version on take the locks in one order: `libnetwork/store.go` of 23.0.0 and 24.0.0.
const SOUND_FROM: u32 = 23;
/// Most at once of those, so that there is a bound.
const AT_ONCE_SOUND: usize = 64;

/// The ends that the engine is still to tell.
#[derive(Debug, Default)]
pub struct Ends {
    nodes: AtomicUsize,
    is_sound: AtomicBool,
    asked: Mutex<Asked>,
    told: Notify,
}

/// Containers that were made to end.
#[derive(Debug, Default)]
struct Asked {
    /// They are about to, or have: the engine is still to tell.
    untold: BTreeMap<ContainerId, Instant>,
    /// They take their time, until then at the most.
    slow: BTreeMap<ContainerId, Instant>,
}

impl Ends {
    /// So many nodes are on this host.
    pub fn of(&self, nodes: usize) {
        self.nodes.store(nodes, Ordering::Relaxed);
    }

    /// The engine is of this version.
    pub fn of_engine(&self, version: &str) {
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        self.is_sound.store(major.is_some_and(|major| major >= SOUND_FROM), Ordering::Relaxed);
    }

    /// Waits until one more may be made to end.
    pub async fn begin(&self, id: &ContainerId) {
        while !self.begins(id) {
            // One that is told meanwhile is not missed: the notice is kept. After a while it is looked without one.
            let _ = timeout(LOOK_INTERVAL, self.told.notified()).await;
        }
    }

    fn begins(&self, id: &ContainerId) -> bool {
        let mut asked = self.asked();
        let now = Instant::now();
        asked.untold.retain(|_, began| now - *began < TOLD_WITHIN);
        asked.slow.retain(|_, until| now < *until);
        let is_sound = self.is_sound.load(Ordering::Relaxed);
        let most = if is_sound { AT_ONCE_SOUND } else { at_once(self.nodes.load(Ordering::Relaxed)) };
        // One that is slow and is killed now makes room.
        let is_free = is_sound || asked.slow.len() < SLOW_MAX || asked.slow.contains_key(id);
        let begins = is_free && asked.untold.len() < most;
        if begins {
            asked.slow.remove(id);
            asked.untold.insert(id.clone(), now);
        }
        begins
    }

    /// One that was asked takes its time to end, so long at the most.
    pub fn lingers(&self, id: &ContainerId, at_most: Duration) {
        let mut asked = self.asked();
        if asked.untold.remove(id).is_some() {
            asked.slow.insert(id.clone(), Instant::now() + at_most);
            drop(asked);
            self.told.notify_one();
        }
    }

    /// One that took its time has ended: the engine is still to tell.
    pub fn ended(&self, id: &ContainerId) {
        let mut asked = self.asked();
        if asked.slow.remove(id).is_some() {
            asked.untold.insert(id.clone(), Instant::now());
        }
    }

    /// The engine has told its end, or it does not end yet.
    pub fn over(&self, id: &ContainerId) {
        let mut asked = self.asked();
        let was_slow = asked.slow.remove(id).is_some();
        if asked.untold.remove(id).is_some() || was_slow {
            drop(asked);
            self.told.notify_one();
        }
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        // A panic elsewhere leaves the two sound: at worst one is in both, and goes from both.
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn at_once(nodes: usize) -> usize {
    (AT_ONCE_MIN * NODES_OF_MIN / nodes.max(1)).clamp(AT_ONCE_MIN, AT_ONCE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

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

    #[tokio::test(start_paused = true)]
    async fn of_those_that_take_their_time_not_many_are_asked_at_once_and_each_may_be_killed() {
        let ends = Ends::default();
        for number in 0..SLOW_MAX {
            ends.begin(&id(number)).await;
            ends.lingers(&id(number), MINUTE * 2);
        }
        assert!(timeout(MINUTE, ends.begin(&id(100))).await.is_err(), "one too many that is slow");
        ends.begin(&id(0)).await;
        ends.begin(&id(100)).await;
        ends.lingers(&id(100), MINUTE);
        ends.ended(&id(1));
        ends.begin(&id(101)).await;
        ends.over(&id(2));
        ends.over(&id(101));
        ends.begin(&id(102)).await;
        // Nobody says any more what becomes of the others.
        ends.lingers(&id(102), MINUTE);
        assert!(timeout(MINUTE * 3, ends.begin(&id(103))).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_is_sound_is_hardly_bound() {
        let ends = Ends::default();
        for (version, most) in [("20.10.24+dfsg1", AT_ONCE_MAX), ("odd", AT_ONCE_MAX), ("29.8.0", AT_ONCE_SOUND)] {
            ends.of_engine(version);
            for number in 0..most {
                ends.begin(&id(number)).await;
            }
            assert!(timeout(Duration::from_secs(1), ends.begin(&id(1000))).await.is_err(), "{version}");
            (0..most).for_each(|number| ends.over(&id(number)));
        }
    }

    #[test]
    fn the_more_nodes_there_are_the_fewer_end_at_once() {
        assert_eq!([0, 1, 100, 200, 250, 400, 1000].map(at_once), [4, 4, 4, 4, 3, 2, 2]);
    }
}
