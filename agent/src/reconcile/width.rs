//! How many starts an engine is given at once: as many as it does well with. Pure: times are data.
//!
//! After TCP Vegas: a start that takes twice as long as one that had the engine to itself has waited for half of its time,
//! so that of four at once two are only waiting. A few that wait keep the engine busy; more wait for nothing.
//! As there, the first climb is a step with every start, until some wait.

use std::time::Duration;

/// The first width, and the least: what any engine can do.
pub(super) const WIDTH_MIN: usize = 2;
/// The most: engines work on some steps one by one, so that more only wait, and each costs memory meanwhile.
pub(super) const WIDTH_MAX: usize = 12;
/// With fewer starts that only wait there is room for one more; with more there is one too many.
const WAITING_MIN: f64 = 4.0;
const WAITING_MAX: f64 = 6.0;
/// What counts as the time of a start that need not wait grows by this with every start, so that an engine that has
/// become slower is not held to what it once could.
const FORGET: f64 = 1.0002;

/// The width, and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Width {
    now: usize,
    /// Whether too few were seen to wait since the beginning.
    climbs: bool,
    /// Seconds of a start that did not wait, as far as is known.
    alone_s: Option<f64>,
    /// Starts since the last look, and the sum of how many waited meanwhile.
    seen: usize,
    waiting: f64,
}

impl Default for Width {
    fn default() -> Self {
        Self { now: WIDTH_MIN, climbs: true, alone_s: None, seen: 0, waiting: 0.0 }
    }
}

impl Width {
    /// The width.
    pub(super) fn now(&self) -> usize {
        self.now
    }

    /// Takes note of how long a start took beside as many others as there may be; the width from now on.
    pub(super) fn learn(&mut self, took: Duration) -> usize {
        let took_s = took.as_secs_f64().max(f64::EPSILON);
        let alone_s = self.alone_s.map_or(took_s, |alone_s| (alone_s * FORGET).min(took_s));
        self.alone_s = Some(alone_s);
        #[expect(clippy::cast_precision_loss, reason = "a dozen")]
        let (now, count) = (self.now as f64, (self.seen + 1) as f64);
        let waiting = now * (1.0 - alone_s / took_s);
        self.climbs &= waiting < WAITING_MIN;
        if self.climbs {
            self.now = (self.now + 1).min(WIDTH_MAX);
            return self.now;
        }
        self.waiting += waiting;
        self.seen += 1;
        // One look a width: what the last change came to must be seen first.
        if self.seen >= self.now {
            let waiting = self.waiting / count;
            if waiting < WAITING_MIN {
                self.now = (self.now + 1).min(WIDTH_MAX);
            } else if waiting > WAITING_MAX {
                self.now = (self.now - 1).max(WIDTH_MIN);
            }
            (self.seen, self.waiting) = (0, 0.0);
        }
        self.now
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An engine that does so many at once without one waiting for another.
    fn settled(at_once: usize, starts: usize) -> Vec<usize> {
        let mut width = Width::default();
        let one = |_| {
            #[expect(clippy::cast_precision_loss, reason = "a dozen")]
            let slower = (width.now() as f64 / at_once as f64).max(1.0);
            width.learn(Duration::from_millis(100).mul_f64(slower))
        };
        (0..starts).map(one).collect()
    }

    #[test]
    fn an_engine_gets_a_few_more_than_it_works_on_at_once() {
        for (at_once, least, most) in [(1, 5, 8), (2, 6, 9), (4, 8, 11), (8, 10, 12)] {
            let widths = settled(at_once, 200);
            let last = &widths[100..];
            assert!(last.iter().all(|width| (least..=most).contains(width)), "{at_once}: {last:?}");
        }
    }

    #[test]
    fn an_engine_that_becomes_slower_is_given_fewer_for_a_while_and_not_for_ever() {
        let mut width = Width::default();
        for _ in 0..200 {
            width.learn(Duration::from_millis(100));
        }
        assert_eq!(width.now(), WIDTH_MAX);
        for _ in 0..100 {
            width.learn(Duration::from_millis(400));
        }
        assert!(width.now() <= 8, "{width:?}");
        for _ in 0..8000 {
            width.learn(Duration::from_millis(400));
        }
        assert_eq!(width.now(), WIDTH_MAX);
    }

    proptest! {
        #[test]
        fn whatever_it_learns_it_stays_within_its_bounds(times in prop::collection::vec(0_u64..100_000, 0..300)) {
            let mut width = Width::default();
            for millis in times {
                let now = width.learn(Duration::from_millis(millis));
                prop_assert!((WIDTH_MIN..=WIDTH_MAX).contains(&now));
            }
        }
    }
}
