//! All steps, one after the other; and, after a violation, the search for fewer steps that show it too.

use std::time::{Duration, Instant};

use super::options::Options;
use super::player::{Patience, Played, Player};
use super::shrink::shrink;
use super::step::Step;
use super::tally::Tally;
use crate::farm::said::{caught, indented, keep, say};
use crate::farm::{Problem, WORKERS};
use crate::site::alone;

/// How long things may take.
const PATIENCE: Patience = Patience { work: Duration::from_secs(150), rest: Duration::from_secs(60) };

/// Plays the steps, each said on standard output as it ends, the table last. A violation ends the campaign: what it can
/// be shown with is looked for instead.
pub fn run(options: &Options) -> Tally {
    let _alone = alone();
    let Options { seed, steps, bound, shrink: search } = options;
    say(&format!("SEED={seed}, {} steps (some of them again: SEED={seed} ONLY=3,5 make campaign)", steps.len()));
    let mut tally = Tally::default();
    let mut done = Vec::new();
    let failed = play(*seed, steps, *bound, &mut |step, played| {
        done.push(step.number);
        tally.count(step, played);
    });
    if let Err(problems) = failed {
        if tally.problems.is_empty() {
            tally.others.extend(problems);
        } else if !search.is_zero() {
            let deadline = Instant::now() + *search;
            let fails = |steps: &[u64]| (Instant::now() < deadline).then(|| play_again(*seed, steps));
            done = shrink(done, fails);
        }
        let only: Vec<String> = done.iter().map(u64::to_string).collect();
        say(&format!("again: SEED={seed} ONLY={} make campaign", only.join(",")));
    }
    say(&tally.to_string());
    tally
}

/// Whether these steps end in a violation as well.
fn play_again(seed: u64, steps: &[u64]) -> bool {
    say(&format!("do {} steps show it too? {steps:?}", steps.len()));
    play(seed, steps, None, &mut |_, _| {}).is_err()
}

/// Plays steps on a new farm, up to the first violation.
fn play(
    seed: u64,
    steps: &[u64],
    bound: Option<Duration>,
    count: &mut dyn FnMut(&Step, &Played),
) -> Result<(), Vec<String>> {
    let began = Instant::now();
    let words = |problems: &[Problem]| -> Vec<String> { problems.iter().map(ToString::to_string).collect() };
    let mut player = Player::begin(WORKERS, PATIENCE).map_err(|problems| words(&problems))?;
    for (at, number) in steps.iter().enumerate() {
        if bound.is_some_and(|bound| began.elapsed() > bound) {
            say(&format!("time is over after {at} steps"));
            break;
        }
        let step = Step::draw(seed, *number);
        let start = Instant::now();
        let played = caught(|| player.play(&step))
            .unwrap_or_else(|panic| Played { hit: false, problems: vec![Problem::Restless(panic)] });
        count(&step, &played);
        let problems = words(&played.problems);
        let missed = if played.hit { "" } else { " (nothing went wrong)" };
        say(&format!("{step}: took {:.1?}{missed}{}", start.elapsed(), indented(problems.clone())));
        if !problems.is_empty() {
            let logs =
                format!("{step}\n{problems:#?}\n{}\n{:#?}", player.farm.site.daemon_logs(), player.farm.observe());
            say(&format!("  logs: {}", keep("campaign", &format!("seed-{seed}-step-{number}.log"), &logs)));
            player.farm.raze();
            return Err(problems);
        }
    }
    let left = player.end();
    if left.is_empty() { Ok(()) } else { Err(left) }
}
