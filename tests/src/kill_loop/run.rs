//! All rounds, one after the other.

use std::time::Instant;

use throng_failpoints::Point;

use super::draw::Round;
use super::options::Options;
use super::round::{Report, play};
use super::tally::Tally;
use crate::farm::Farm;
use crate::farm::said::{caught, indented, keep, say};
use crate::site::alone;

/// Plays the rounds, each said on standard output as it ends, the table last.
pub fn run(options: Options) -> Tally {
    let _alone = alone();
    let began = Instant::now();
    let Options { seed, kills, from, only, points, bound } = options;
    let points: Vec<Point> = Point::ALL.iter().copied().filter(|point| point.name().starts_with(&points)).collect();
    assert!(!points.is_empty(), "POINTS selects no point");
    say(&format!("SEED={seed} KILLS={kills} FROM={from} (one round again: SEED={seed} ROUND=… make kill-loop)"));
    let rounds: Vec<u64> = only.map_or_else(|| (from..from + kills).collect(), |round| vec![round]);
    // A round by itself, or of some points only, is no part of a longer play.
    let is_whole = only.is_none() && points.len() == Point::ALL.len();
    let mut tally = if is_whole && from > 0 { Tally::of_earlier(seed) } else { Tally::default() };
    let mut farm = Farm::begin();
    for number in rounds {
        if bound.is_some_and(|bound| began.elapsed() > bound) {
            say(&format!("time is over (go on: SEED={seed} FROM={number}; what it came to so far is counted there)"));
            break;
        }
        let round = Round::draw(seed, number, &points);
        let start = Instant::now();
        let report = report(&farm, &round);
        say(&line(&round, &report, start));
        if !report.problems.is_empty() {
            say(&format!("  again: SEED={seed} ROUND={number}; logs: {}", keep_logs(&farm, &round, &report)));
            farm.raze();
            farm = Farm::begin();
        }
        tally.count(&round, &report);
        if is_whole {
            tally.keep(seed);
        }
    }
    tally.others.extend(farm.end());
    if is_whole {
        tally.keep(seed);
    }
    say(&tally.to_string());
    tally
}

/// A step of the round that fails by a panic is a problem as others are.
fn report(farm: &Farm, round: &Round) -> Report {
    caught(|| play(farm, round)).unwrap_or_else(|panic| Report { hit: false, recovery: None, problems: vec![panic] })
}

fn line(round: &Round, report: &Report, start: Instant) -> String {
    let hit = if report.hit { "" } else { " NOT HIT" };
    let recovery = report.recovery.map_or_else(String::new, |time| format!(", recovered in {time:.1?}"));
    format!("{round}:{hit} took {:.1?}{recovery}{}", start.elapsed(), indented(report.problems.clone()))
}

fn keep_logs(farm: &Farm, round: &Round, report: &Report) -> String {
    let text = format!("{round}\n{report:#?}\n{}\n{:#?}", farm.site.daemon_logs(), farm.observe());
    keep("kill-loop", &format!("round-{}.log", round.number), &text)
}
