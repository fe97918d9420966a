//! What came of all rounds, by point.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use throng_failpoints::Point;

use super::draw::Round;
use super::round::Report;

/// What came of all rounds.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    by_point: BTreeMap<Point, Row>,
    /// Rounds that were played.
    pub rounds: u64,
    /// Problems outside any round.
    pub others: Vec<String>,
}

#[derive(Debug, Clone, Default)]
struct Row {
    rounds: u32,
    hits: u32,
    problems: usize,
    recoveries: Vec<Duration>,
}

impl Tally {
    /// Counts a round.
    pub(super) fn count(&mut self, round: &Round, report: &Report) {
        let row = self.by_point.entry(round.point).or_default();
        row.rounds += 1;
        row.hits += u32::from(report.hit);
        row.problems += report.problems.len();
        row.recoveries.extend(report.recovery);
        self.rounds += 1;
    }

    /// Kills at the points that were drawn.
    pub fn hits(&self) -> u32 {
        self.by_point.values().map(|row| row.hits).sum()
    }

    /// Everything that did not hold.
    pub fn problems(&self) -> usize {
        self.by_point.values().map(|row| row.problems).sum::<usize>() + self.others.len()
    }

    /// Points that were drawn and never hit.
    pub fn missed(&self) -> Vec<Point> {
        self.by_point.iter().filter(|(_, row)| row.hits == 0).map(|(point, _)| *point).collect()
    }

    /// Whether everything held and every point that was drawn was hit.
    pub fn is_good(&self) -> bool {
        self.problems() == 0 && self.missed().is_empty()
    }
}

/// Median and maximum.
fn spread(durations: &[Duration]) -> Option<(Duration, Duration)> {
    let mut sorted = durations.to_vec();
    sorted.sort();
    Some((*sorted.get(sorted.len() / 2)?, *sorted.last()?))
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:44} {:>6} {:>6} {:>10} {:>8} {:>8}", "POINT", "ROUNDS", "KILLS", "VIOLATIONS", "MEDIAN", "MAX")?;
        let seconds = |duration: Duration| format!("{:.1} s", duration.as_secs_f64());
        for (point, row) in &self.by_point {
            let (median, max) = spread(&row.recoveries).map_or(Default::default(), |(m, x)| (seconds(m), seconds(x)));
            let Row { rounds, hits, problems, .. } = row;
            writeln!(f, "{:44} {rounds:>6} {hits:>6} {problems:>10} {median:>8} {max:>8}", point.name())?;
        }
        let all: Vec<_> = self.by_point.values().flat_map(|row| row.recoveries.clone()).collect();
        let (median, max) = spread(&all).map_or(Default::default(), |(m, x)| (seconds(m), seconds(x)));
        let (rounds, hits, problems) = (self.rounds, self.hits(), self.problems());
        writeln!(f, "{:44} {rounds:>6} {hits:>6} {problems:>10} {median:>8} {max:>8}", "all")?;
        for point in self.missed() {
            writeln!(f, "never hit: {}", point.name())?;
        }
        for point in Point::ALL.iter().filter(|point| !self.by_point.contains_key(point)) {
            writeln!(f, "not drawn: {}", point.name())?;
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

    #[test]
    fn a_point_that_was_drawn_and_never_hit_is_not_good() {
        let mut tally = Tally::default();
        let round = Round::draw(1, 0, Point::ALL);
        let mut report = Report { hit: false, recovery: Some(Duration::from_secs(2)), problems: Vec::new() };
        tally.count(&round, &report);
        assert!(!tally.is_good() && tally.missed() == [round.point]);
        report.hit = true;
        tally.count(&round, &report);
        assert!(tally.is_good(), "{tally}");
        report.problems.push("x".to_owned());
        tally.count(&round, &report);
        assert!(!tally.is_good() && tally.problems() == 1);
    }
}
