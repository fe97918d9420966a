//! The intervals of one host, in bounded memory. Pure.

use super::interval::merged;
use crate::report::load::LoadSample;

/// Most intervals kept of a host: beyond, neighbours become one, so that a night's run keeps its shape.
const KEPT_MAX: usize = 1200;

/// The intervals of one host.
#[derive(Debug, Default)]
pub(super) struct LoadSeries {
    kept: Vec<LoadSample>,
    /// So many samples make one kept interval; 0 counts as 1.
    stride: u32,
    /// The interval that is not full yet, with how many samples it holds.
    growing: Option<(LoadSample, u32)>,
}

impl LoadSeries {
    /// Adds an interval.
    pub(super) fn push(&mut self, load: LoadSample) {
        let (grown, count) = match self.growing.take() {
            Some((before, count)) => (merged(&before, &load), count + 1),
            None => (load, 1),
        };
        if count < self.stride.max(1) {
            self.growing = Some((grown, count));
            return;
        }
        self.kept.push(grown);
        if self.kept.len() >= KEPT_MAX {
            self.kept = halved(&self.kept);
            self.stride = self.stride.max(1) * 2;
        }
    }

    /// All of them, at most `most` (and at least one).
    pub(super) fn intervals(&self, most: usize) -> Vec<LoadSample> {
        let mut all = self.kept.clone();
        all.extend(self.growing.iter().map(|(load, _)| load.clone()));
        while all.len() > most.max(1) {
            all = halved(&all);
        }
        all
    }
}

fn halved(all: &[LoadSample]) -> Vec<LoadSample> {
    let pair = |pair: &[LoadSample]| match pair {
        [first, second] => merged(first, second),
        rest => rest[0].clone(),
    };
    all.chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use throng_common::status::UnixMillis;

    use super::*;

    fn load(second: u64, late: u64) -> LoadSample {
        LoadSample {
            at: UnixMillis(second * 1000),
            took_millis: 1000,
            late_millis: Some(late),
            ..LoadSample::default()
        }
    }

    #[test]
    fn a_night_fits_and_no_second_of_it_is_lost() {
        const SECONDS: u64 = 12 * 3600;
        let mut series = LoadSeries::default();
        for second in 1..=SECONDS {
            series.push(load(second, if second == 30_001 { 900 } else { 2 }));
        }
        let all = series.intervals(KEPT_MAX);
        assert!((KEPT_MAX / 2..=KEPT_MAX).contains(&all.len()), "{}", all.len());
        assert_eq!(all.iter().map(|load| load.took_millis).sum::<u64>(), SECONDS * 1000);
        assert_eq!(all.iter().filter(|load| load.late_millis == Some(900)).count(), 1, "the one late tick is there");
        assert_eq!(all.last().unwrap().at, UnixMillis(SECONDS * 1000));
        assert!(series.intervals(60).len() <= 60 && series.intervals(0).len() == 1);
    }
}
