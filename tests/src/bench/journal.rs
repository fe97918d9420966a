//! Everything that was measured, and what is printed of it.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Value, json};

use super::benchmark::Benchmark;
use super::figures::{Ratio, median};
use super::machine;
use super::options::Options;
use crate::programs::repository;

/// Where results are kept, below the repository.
const FOLDER: &str = "build/bench";

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Sample {
    /// In which benchmark.
    pub(super) benchmark: &'static str,
    /// Of whom: `throng`, `floor`, `compose` …
    pub(super) subject: String,
    /// What: `up`, `down`, `cpu` …, with its unit.
    pub(super) metric: String,
    /// In which round; figures of one round were taken side by side.
    pub(super) round: usize,
    /// The figure.
    pub(super) value: f64,
}

/// A comparison, as it is printed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Row {
    /// In which benchmark.
    pub(super) benchmark: &'static str,
    /// What is compared with what.
    pub(super) what: String,
    /// Medians of both sides.
    pub(super) medians: (f64, f64),
    /// The paired ratio.
    pub(super) ratio: Ratio,
    /// What it should be at most; none: it is only told.
    pub(super) target: Option<f64>,
    /// Whether it is; none without a target.
    pub(super) met: Option<bool>,
}

/// A figure with an absolute bound.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Bound {
    /// In which benchmark.
    pub(super) benchmark: &'static str,
    /// What.
    pub(super) what: String,
    /// The figure.
    pub(super) value: f64,
    /// Its unit.
    pub(super) unit: &'static str,
    /// What it should be at most; none: it is only told.
    pub(super) target: Option<f64>,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Journal {
    samples: Vec<Sample>,
    rows: Vec<Row>,
    bounds: Vec<Bound>,
    notes: Vec<String>,
}

/// One side of a comparison: subject and metric.
pub(super) type Side<'a> = (&'a str, &'a str);

impl Journal {
    /// Keeps a figure.
    pub(super) fn sample(&mut self, benchmark: Benchmark, side: Side<'_>, round: usize, value: f64) {
        let (subject, metric) = (side.0.to_owned(), side.1.to_owned());
        self.samples.push(Sample { benchmark: benchmark.name(), subject, metric, round, value });
    }

    /// All figures of one side, by round.
    pub(super) fn of(&self, benchmark: Benchmark, side: Side<'_>) -> Vec<f64> {
        self.rounds(benchmark, side).into_iter().map(|(_, value)| value).collect()
    }

    fn rounds(&self, benchmark: Benchmark, side: Side<'_>) -> Vec<(usize, f64)> {
        let is_it = |sample: &&Sample| {
            sample.benchmark == benchmark.name() && (sample.subject.as_str(), sample.metric.as_str()) == side
        };
        let mut found: Vec<&Sample> = self.samples.iter().filter(is_it).collect();
        found.sort_by_key(|sample| sample.round);
        found.into_iter().map(|sample| (sample.round, sample.value)).collect()
    }

    /// Compares two sides in the rounds in which both were measured. `same` is how a thing compares with itself.
    pub(super) fn compare(
        &mut self,
        benchmark: Benchmark,
        ours: Side<'_>,
        theirs: Side<'_>,
        target: Option<f64>,
        same: Option<&Ratio>,
    ) -> Option<Ratio> {
        let (left, right) = (self.rounds(benchmark, ours), self.rounds(benchmark, theirs));
        let has = |rounds: &[(usize, f64)], wanted: usize| rounds.iter().any(|(round, _)| *round == wanted);
        let both = |of: &[(usize, f64)], other: &[(usize, f64)]| -> Vec<f64> {
            of.iter().filter(|(round, _)| has(other, *round)).map(|(_, value)| *value).collect()
        };
        let (left, right) = (both(&left, &right), both(&right, &left));
        let ratio = Ratio::of(&left, &right)?;
        let met = target.map(|target| ratio.meets(target, same));
        let what = if ours.1 == theirs.1 {
            format!("{}: {} / {}", ours.1, ours.0, theirs.0)
        } else {
            format!("{} {} / {} {}", ours.0, ours.1, theirs.0, theirs.1)
        };
        let medians = (median(&left)?, median(&right)?);
        self.rows.push(Row { benchmark: benchmark.name(), what, medians, ratio, target, met });
        Some(ratio)
    }

    /// Tells the median of one side, against an absolute bound where there is one.
    pub(super) fn bound(&mut self, benchmark: Benchmark, side: Side<'_>, unit: &'static str, target: Option<f64>) {
        if let Some(value) = median(&self.of(benchmark, side)) {
            let what = format!("{}: {}", side.0, side.1);
            self.bounds.push(Bound { benchmark: benchmark.name(), what, value, unit, target });
        }
    }

    /// Keeps a remark.
    pub(super) fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    /// The table.
    pub(super) fn table(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "{:8} {:60} {:>9} {:>9} {:>7} {:>15} {:>5} {:>8}",
            "WHAT", "MEDIANS OF BOTH, AND THEIR PAIRED RATIO", "LEFT", "RIGHT", "RATIO", "INTERVAL", "PAIRS", "TARGET"
        );
        for Row { benchmark, what, medians: (left, right), ratio, target, met } in &self.rows {
            let interval = format!("{:.3}–{:.3}", ratio.low, ratio.high);
            let target = target.map(|target| format!("≤ {target:.2}")).unwrap_or_default();
            let met = match met {
                None => "",
                Some(true) => " met",
                Some(false) => " MISSED",
            };
            let _ = writeln!(
                text,
                "{benchmark:8} {what:60} {left:>9.3} {right:>9.3} {:>7.3} {interval:>15} {:>5} {target:>8}{met}",
                ratio.median, ratio.pairs
            );
        }
        if !self.bounds.is_empty() {
            let _ = writeln!(text, "\n{:8} {:60} {:>12} {:>12}", "WHAT", "MEDIAN", "", "TARGET");
        }
        for Bound { benchmark, what, value, unit, target } in &self.bounds {
            let met = match target {
                None => "",
                Some(target) if value <= target => " met",
                Some(_) => " MISSED",
            };
            let target = target.map(|target| format!("≤ {target:.2}")).unwrap_or_default();
            let _ = writeln!(text, "{benchmark:8} {what:60} {value:>8.2} {unit:3} {target:>12}{met}");
        }
        for note in &self.notes {
            let _ = writeln!(text, "\n{note}");
        }
        text
    }

    /// Keeps everything as JSON, with what machine it was on, and the table beside it; where.
    pub(super) fn keep(&self, options: &Options, engine: &Value) -> PathBuf {
        let folder = repository().join(FOLDER);
        fs::create_dir_all(&folder).expect("the build folder can be written");
        let path = folder.join(format!("{}.json", machine::stamp()));
        let whole = json!({
            "machine": machine::describe(engine),
            "options": {
                "pairs": options.pairs,
                "nodes": options.nodes,
                "only": options.only.iter().map(|benchmark| benchmark.name()).collect::<Vec<_>>(),
            },
            "ratios": self.rows,
            "bounds": self.bounds,
            "notes": self.notes,
            "samples": self.samples,
        });
        let text = serde_json::to_string_pretty(&whole).expect("plain values serialise");
        fs::write(&path, text).expect("the build folder can be written");
        fs::write(path.with_extension("txt"), self.table()).expect("the build folder can be written");
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_that_one_side_missed_counts_for_neither() {
        let mut journal = Journal::default();
        for (round, value) in [2.0, 9.0, 3.0].into_iter().enumerate() {
            journal.sample(Benchmark::UpDown, ("throng", "up"), round, value);
        }
        for (round, value) in [(0, 1.0), (2, 1.5)] {
            journal.sample(Benchmark::UpDown, ("compose", "up"), round, value);
        }
        let ratio = journal.compare(Benchmark::UpDown, ("throng", "up"), ("compose", "up"), None, None).unwrap();
        assert_eq!((ratio.median, ratio.pairs), (2.0, 2));
    }

    #[test]
    fn a_target_that_is_missed_is_said_in_capitals() {
        let mut journal = Journal::default();
        for (round, value) in [2.0, 2.2, 1.8].into_iter().enumerate() {
            journal.sample(Benchmark::UpDown, ("throng", "up"), round, value);
            journal.sample(Benchmark::UpDown, ("floor", "up"), round, 1.0);
            journal.sample(Benchmark::UpDown, ("floor again", "up"), round, 1.0);
        }
        let same = journal.compare(Benchmark::UpDown, ("floor again", "up"), ("floor", "up"), None, None).unwrap();
        journal.compare(Benchmark::UpDown, ("throng", "up"), ("floor", "up"), Some(1.05), Some(&same));
        journal.compare(Benchmark::UpDown, ("throng", "up"), ("floor", "up"), Some(2.5), Some(&same));
        let table = journal.table();
        assert_eq!((table.matches("MISSED").count(), table.matches(" met").count()), (1, 1), "{table}");
    }
}
