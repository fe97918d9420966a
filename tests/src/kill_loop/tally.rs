//! What came of all rounds, by point.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use throng_failpoints::Point;

use super::draw::{Round, Victims};
use super::round::Report;
use crate::farm::said::{keep, kept};

/// Where plays that may be gone on with lie, below `build/`.
const FOLDER: &str = "kill-loop";
/// More hits of a point than this are asked of no play.
const HITS_MAX: u32 = 10;

/// What came of all rounds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Tally {
    /// By the point's name.
    by_point: BTreeMap<String, Row>,
    /// Rounds that were played.
    pub rounds: u64,
    /// Rounds in which something did not hold, with what it was.
    #[serde(default)]
    pub bad: Vec<String>,
    /// Problems outside any round.
    pub others: Vec<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Row {
    rounds: u32,
    /// Rounds in which the daemon came by the point and its victims died.
    own: u32,
    other: u32,
    both: u32,
    problems: usize,
    recoveries: Vec<Duration>,
}

impl Row {
    fn hits(&self) -> u32 {
        self.own + self.other + self.both
    }
}

impl Tally {
    /// Counts a round.
    pub(super) fn count(&mut self, round: &Round, report: &Report) {
        let row = self.by_point.entry(round.point.name().to_owned()).or_default();
        row.rounds += 1;
        let hits = match round.victims {
            Victims::Own => &mut row.own,
            Victims::Other => &mut row.other,
            Victims::Both => &mut row.both,
        };
        *hits += u32::from(report.hit);
        row.problems += report.problems.len();
        row.recoveries.extend(report.recovery);
        self.bad.extend(report.problems.iter().map(|problem| format!("{round}: {problem}")));
        self.rounds += 1;
    }

    /// What earlier plays of this seed came to; nothing where there was none.
    pub(super) fn of_earlier(seed: u64) -> Self {
        kept(FOLDER, &file(seed)).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// Keeps it for a play that goes on with this one.
    pub(super) fn keep(&self, seed: u64) {
        let text = serde_json::to_string_pretty(self).expect("numbers and names are JSON");
        let _ = keep(FOLDER, &file(seed), &text);
    }

    /// Rounds in which a daemon came by the point that was drawn.
    pub fn hits(&self) -> u32 {
        self.by_point.values().map(Row::hits).sum()
    }

    /// Everything that did not hold.
    pub fn problems(&self) -> usize {
        self.by_point.values().map(|row| row.problems).sum::<usize>() + self.others.len()
    }

    /// Points that were hit less often than they were drawn, ten times at the most; in a play of as many rounds as that takes
    /// of all points, those that were hit less than ten times.
    pub fn lacking(&self) -> Vec<(&str, u32)> {
        let is_whole = self.rounds >= u64::from(HITS_MAX) * Point::ALL.len() as u64;
        let never = Row::default();
        let lacks = |point: &'static str| {
            let row = self.by_point.get(point).unwrap_or(&never);
            let wanted = if is_whole { HITS_MAX } else { row.rounds.min(HITS_MAX) };
            (row.hits() < wanted).then(|| (point, row.hits()))
        };
        Point::ALL.iter().filter_map(|point| lacks(point.name())).collect()
    }

    /// Whether everything held and every point was hit as often as it must be.
    pub fn is_good(&self) -> bool {
        self.problems() == 0 && self.lacking().is_empty()
    }
}

fn file(seed: u64) -> String {
    format!("seed-{seed}.json")
}

/// Median and maximum.
fn spread(durations: &[Duration]) -> Option<(Duration, Duration)> {
    let mut sorted = durations.to_vec();
    sorted.sort();
    Some((*sorted.get(sorted.len() / 2)?, *sorted.last()?))
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |duration: Duration| format!("{:.1} s", duration.as_secs_f64());
        let line = |f: &mut fmt::Formatter<'_>, name: &str, row: &Row| {
            let (median, max) = spread(&row.recoveries).map_or(Default::default(), |(m, x)| (seconds(m), seconds(x)));
            let Row { rounds, own, other, both, problems, .. } = row;
            writeln!(f, "{name:40} {rounds:>6} {own:>6} {other:>6} {both:>6} {problems:>10} {median:>8} {max:>8}")
        };
        writeln!(
            f,
            "{:40} {:>6} {:>6} {:>6} {:>6} {:>10} {:>8} {:>8}",
            "POINT", "ROUNDS", "OWN", "OTHER", "BOTH", "VIOLATIONS", "MEDIAN", "MAX"
        )?;
        let mut all = Row::default();
        for (point, row) in &self.by_point {
            line(f, point, row)?;
            all.rounds += row.rounds;
            all.own += row.own;
            all.other += row.other;
            all.both += row.both;
            all.problems += row.problems;
            all.recoveries.extend(&row.recoveries);
        }
        line(f, "all", &all)?;
        writeln!(
            f,
            "killed at its point: the daemon whose it is, the other one, both; then how long until all was well"
        )?;
        for (point, hits) in self.lacking() {
            writeln!(f, "hit less often than drawn, {hits} times: {point}")?;
        }
        for bad in &self.bad {
            writeln!(f, "VIOLATION {bad}")?;
        }
        for other in &self.others {
            writeln!(f, "in the end: {other}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_once(tally: &mut Tally, hit: bool) {
        for number in 0..Point::ALL.len() as u64 {
            let report = Report { hit, recovery: Some(Duration::from_secs(2)), problems: Vec::new() };
            tally.count(&Round::draw(1, number, Point::ALL), &report);
        }
    }

    #[test]
    fn a_point_that_was_drawn_and_not_hit_is_not_good_unless_it_was_often_enough() {
        let mut tally = Tally::default();
        let round = Round::draw(1, 0, Point::ALL);
        let report = |hit: bool| Report { hit, recovery: None, problems: Vec::new() };
        tally.count(&round, &report(false));
        assert!(!tally.is_good() && tally.to_string().contains("hit less often than drawn, 0 times"), "{tally}");
        for _ in 0..HITS_MAX {
            tally.count(&round, &report(true));
        }
        assert!(tally.is_good(), "{tally}");
        tally.count(&round, &Report { hit: true, recovery: None, problems: vec!["x".to_owned()] });
        assert!(!tally.is_good() && tally.problems() == 1);
    }

    #[test]
    fn a_play_that_is_gone_on_with_has_the_sum_of_both() {
        let mut tally = Tally::default();
        all_once(&mut tally, true);
        let mut read: Tally = serde_json::from_str(&serde_json::to_string(&tally).unwrap()).unwrap();
        all_once(&mut read, false);
        assert_eq!(read.rounds, 2 * Point::ALL.len() as u64);
        assert_eq!((read.hits() as usize, read.lacking().len()), (Point::ALL.len(), Point::ALL.len()));
    }

    #[test]
    fn a_whole_play_hits_every_point_ten_times() {
        let mut tally = Tally::default();
        let hit = |tally: &mut Tally, left_out: Option<Point>| {
            let report = Report { hit: true, recovery: None, problems: Vec::new() };
            let drawn = Point::ALL.iter().filter(|point| Some(**point) != left_out);
            for point in drawn {
                tally.count(&Round { point: *point, ..Round::draw(1, 0, Point::ALL) }, &report);
            }
        };
        for _ in 0..HITS_MAX {
            hit(&mut tally, None);
        }
        assert!(tally.is_good());
        let mut tally = Tally::default();
        for _ in 0..=HITS_MAX {
            hit(&mut tally, Some(Point::ALL[0]));
        }
        assert_eq!(tally.lacking(), [(Point::ALL[0].name(), 0)]);
    }
}
