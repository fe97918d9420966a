//! How many starts, stops and removals are under way at once, and how many starts begin in a second. Pure: time is data.

use std::collections::BTreeMap;

use throng_common::host_spec::StartPace;
use throng_common::ids::ClusterId;

use crate::clock::Uptime;

/// Starts under way at once where the plan leaves it to the agent. Fewer are with the engine: while it works on some, the
/// folders and ramdisks of others are made, and those that run are looked at.
pub(super) const PARALLEL_STARTS: u32 = 16;

/// Nodes that are being stopped at once. Nearly all of the time they are only waited for: each costs a task and a file
/// descriptor, of which a process usually has 1,024.
pub(super) const PARALLEL_STOPS: u32 = 256;

/// Removals under way at once. A burst of them can wedge some engines for good (dockerd 20.10: a lock inversion in
/// libnetwork), four at a time never did.
pub(super) const PARALLEL_REMOVALS: u32 = 4;

/// A bound on starts, stops and removals.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    starts: u32,
    stops: u32,
    removals: u32,
    /// When the next start of a cluster may begin, in milliseconds with a fraction. One that is not here may begin at once.
    next_start_millis: BTreeMap<ClusterId, f64>,
}

impl Pacer {
    /// Takes a place for a start, or says when to ask again.
    pub(super) fn start(&mut self, cluster: &ClusterId, pace: StartPace, now: Uptime) -> Result<(), Option<Uptime>> {
        let parallel = if pace.parallel == 0 { PARALLEL_STARTS } else { pace.parallel };
        if self.starts >= parallel {
            // The end of another start wakes the loop.
            return Err(None);
        }
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since the boot stay below 2^53")]
        let now_millis = now.0 as f64;
        if let Some(per_second) = pace.per_second.filter(|rate| *rate > 0.0) {
            let next_millis = self.next_start_millis.get(cluster).copied().unwrap_or_default();
            if now_millis < next_millis {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time after the boot")]
                return Err(Some(Uptime(next_millis.ceil() as u64)));
            }
            // Of those that have not begun anything for a second nothing needs to be known.
            self.next_start_millis.retain(|_, next| *next > now_millis - 1000.0);
            let next_millis = next_millis.max(now_millis - 1000.0) + 1000.0 / per_second;
            self.next_start_millis.insert(cluster.clone(), next_millis);
        }
        self.starts += 1;
        Ok(())
    }

    /// Takes a place for a stop.
    pub(super) fn stop(&mut self) -> Result<(), Option<Uptime>> {
        take(&mut self.stops, PARALLEL_STOPS)
    }

    /// Takes a place for a removal.
    pub(super) fn removal(&mut self) -> Result<(), Option<Uptime>> {
        take(&mut self.removals, PARALLEL_REMOVALS)
    }

    /// Gives a start's place back.
    pub(super) fn start_ended(&mut self) {
        self.starts = self.starts.saturating_sub(1);
    }

    /// Gives a stop's place back.
    pub(super) fn stop_ended(&mut self) {
        self.stops = self.stops.saturating_sub(1);
    }

    /// Gives a removal's place back.
    pub(super) fn removal_ended(&mut self) {
        self.removals = self.removals.saturating_sub(1);
    }
}

/// Takes one of so many places. The end of another one wakes the loop.
fn take(taken: &mut u32, most: u32) -> Result<(), Option<Uptime>> {
    if *taken >= most {
        return Err(None);
    }
    *taken += 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(name: &str) -> ClusterId {
        name.parse().expect("tests give ids")
    }

    #[test]
    fn a_rate_is_kept_over_time_and_allows_no_burst_after_a_pause() {
        let pace = StartPace { parallel: 1000, per_second: Some(10.0) };
        let mut pacer = Pacer::default();
        let mut started = 0;
        for millis in 1_000_000..1_010_000 {
            started += u32::from(pacer.start(&cluster("a"), pace, Uptime(millis)).is_ok());
        }
        assert!((100..=120).contains(&started), "{started}");
    }

    #[test]
    fn a_slow_cluster_holds_up_no_other() {
        let pace = |per_second| StartPace { parallel: 1000, per_second: Some(per_second) };
        let mut pacer = Pacer::default();
        let mut started = 0;
        for millis in 1_000_000..1_010_000 {
            let _ = pacer.start(&cluster("a"), pace(0.02), Uptime(millis));
            started += u32::from(pacer.start(&cluster("b"), pace(10.0), Uptime(millis)).is_ok());
        }
        assert!((100..=120).contains(&started), "{started}");
    }

    #[test]
    fn no_more_than_the_bound_are_under_way() {
        let pace = StartPace { parallel: 0, per_second: None };
        let mut pacer = Pacer::default();
        let begun = (0..100).filter(|_| pacer.start(&cluster("a"), pace, Uptime(0)).is_ok()).count();
        assert_eq!(begun, PARALLEL_STARTS as usize);
        pacer.start_ended();
        assert!(pacer.start(&cluster("a"), pace, Uptime(0)).is_ok());
        assert_eq!((0..1000).filter(|_| pacer.stop().is_ok()).count(), PARALLEL_STOPS as usize);
        assert_eq!((0..1000).filter(|_| pacer.removal().is_ok()).count(), PARALLEL_REMOVALS as usize);
        pacer.removal_ended();
        assert!(pacer.removal().is_ok() && pacer.stop().is_err(), "one takes no place of the other's");
    }
}
