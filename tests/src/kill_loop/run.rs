//! All rounds, one after the other.

use std::fs;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use throng_failpoints::Point;

use super::draw::Round;
use super::farm::Farm;
use super::options::Options;
use super::round::{Report, play};
use super::tally::Tally;
use crate::programs::repository;
use crate::site::alone;

/// Where the daemons' whole logs of a round with problems are kept.
const LOGS: &str = "build/kill-loop";

/// Plays the rounds, each said on standard output as it ends, the table last.
pub fn run(options: Options) -> Tally {
    let _alone = alone();
    let began = Instant::now();
    let Options { seed, kills, only, points, bound } = options;
    let points: Vec<Point> = Point::ALL.iter().copied().filter(|point| point.name().starts_with(&points)).collect();
    assert!(!points.is_empty(), "POINTS selects no point");
    say(&format!("SEED={seed} KILLS={kills} (one round again: SEED={seed} ROUND=… make kill-loop)"));
    let rounds: Vec<u64> = only.map_or_else(|| (0..kills).collect(), |round| vec![round]);
    let mut tally = Tally::default();
    let mut farm = Farm::begin();
    for number in rounds {
        if bound.is_some_and(|bound| began.elapsed() > bound) {
            say(&format!("time is over after {} rounds", tally.rounds));
            break;
        }
        let round = Round::draw(seed, number, &points);
        let start = Instant::now();
        let report = caught(&farm, &round);
        say(&line(&round, &report, start));
        if !report.problems.is_empty() {
            say(&format!("  again: SEED={seed} ROUND={number}; logs: {}", keep_logs(&farm, &round, &report)));
            farm.raze();
            farm = Farm::begin();
        }
        tally.count(&round, &report);
    }
    tally.others = farm.end();
    say(&tally.to_string());
    tally
}

/// A step of the round that fails by a panic is a problem as others are.
fn caught(farm: &Farm, round: &Round) -> Report {
    catch_unwind(AssertUnwindSafe(|| play(farm, round))).unwrap_or_else(|failure| {
        let text = failure.downcast_ref::<String>().cloned();
        let text = text.or_else(|| failure.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let problems = vec![text.unwrap_or_else(|| "a step panicked".to_owned())];
        Report { hit: false, recovery: None, problems }
    })
}

fn line(round: &Round, report: &Report, start: Instant) -> String {
    let hit = if report.hit { "" } else { " NOT HIT" };
    let recovery = report.recovery.map_or_else(String::new, |time| format!(", recovered in {time:.1?}"));
    let mut text = format!("{round}:{hit} took {:.1?}{recovery}", start.elapsed());
    for problem in &report.problems {
        text.push_str("\n  VIOLATION ");
        text.push_str(&problem.replace('\n', "\n    "));
    }
    text
}

fn keep_logs(farm: &Farm, round: &Round, report: &Report) -> String {
    let folder = repository().join(LOGS);
    let path = folder.join(format!("round-{}.log", round.number));
    let text = format!("{round}\n{report:#?}\n{}\n{:#?}", farm.site.daemon_logs(), farm.observe());
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, text));
    written.map_or_else(|error| error.to_string(), |()| path.display().to_string())
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that left has seen enough.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
