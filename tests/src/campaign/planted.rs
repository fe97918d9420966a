//! The checks are checked: each fault of throng's own is planted, the few steps are played that should show it, and what the
//! checks say then must be what the fault does.

use std::fmt;
use std::time::{Duration, Instant};

use throng_failpoints::Fault;

mod rows;

use self::rows::{Row, WORKERS, rows};
use super::player::{Patience, Played, Player};
use super::step::{Operation, Step, Trouble};
use crate::farm::Problem;
use crate::farm::daemons::{self, Daemon};
use crate::farm::said::{caught, keep, say};
use crate::invariants::Observation;
use crate::site::alone;
use crate::wait::until;

/// How long things may take; with a fault planted many never come to rest.
const PATIENCE: Patience = Patience { work: Duration::from_secs(60), rest: Duration::from_secs(40) };
const PATIENCE_WITH_FAULT: Patience = Patience { work: Duration::from_secs(15), rest: Duration::from_secs(8) };
/// How long both daemons may be started again and again until they are armed as they should be.
const RESTART_TIMEOUT: Duration = Duration::from_secs(60);

/// What a fault came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The checks found it, and what they said is what it does.
    Caught,
    /// Something was found, but not what it does.
    Otherwise,
    /// Nothing was found.
    Missed,
    /// Nothing was to be found, and nothing was.
    Sound,
}

/// What came of all faults.
#[derive(Debug, Default)]
pub struct Tally {
    caught: usize,
    planted: usize,
    others: Vec<String>,
}

impl Tally {
    /// Whether each was caught.
    pub fn is_good(&self) -> bool {
        self.others.is_empty() && self.caught > 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} planted faults caught", self.caught, self.planted)?;
        for other in &self.others {
            write!(f, "\nnot as it should be: {other}")?;
        }
        Ok(())
    }
}

/// Plants each fault whose name begins with one of these (none given: each), and says of each what came of it. `bound`: no fault is
/// planted later than this; then the seed decides with which one is begun.
pub fn run(names: &str, bound: Option<(Duration, usize)>) -> Tally {
    let _alone = alone();
    let began = Instant::now();
    let mut tally = Tally::default();
    let is_named = |fault: &Fault| names.split(',').any(|name| fault.name().starts_with(name));
    let chosen = |row: &Row| names.is_empty() || row.faults.iter().any(is_named);
    let mut rows: Vec<Row> = rows().into_iter().filter(chosen).collect();
    if let Some((_, seed)) = bound {
        // The soundness of it all comes first whatever the seed.
        let faulty = rows.iter().position(|row| !row.faults.is_empty()).unwrap_or_default();
        let count = rows.len() - faulty;
        rows[faulty..].rotate_left(seed % count.max(1));
    }
    let mut farm = None;
    for row in &rows {
        if bound.is_some_and(|(bound, _)| began.elapsed() > bound) {
            say(&format!("time is over after {} faults", tally.planted));
            break;
        }
        let start = Instant::now();
        let (verdict, found) =
            caught(|| plant(&mut farm, row)).unwrap_or_else(|panic| (Verdict::Otherwise, vec![panic]));
        let names = name(row);
        tally.planted += usize::from(row.violates.is_some());
        tally.caught += usize::from(verdict == Verdict::Caught);
        farm = farm.and_then(|player| if row.leaves { raze(player) } else { disarm(player) });
        let first = found.first().map_or("", |line| line.lines().next().unwrap_or_default());
        say(&format!("{verdict:10?} {names:60} {:>5.1?}  {first}", start.elapsed()));
        if !matches!(verdict, Verdict::Caught | Verdict::Sound) {
            if row.faults.is_empty() {
                tally.others.push(format!("without any fault planted: {}", found.join("\n")));
                break;
            }
            let logs = keep("planted-faults", &format!("{}.log", names.replace(' ', "-")), &found.join("\n"));
            tally.others.push(format!("{names}: {verdict:?}, {logs}"));
        }
    }
    if let Some(player) = farm {
        tally.others.extend(player.end());
    }
    say(&tally.to_string());
    tally
}

fn name(row: &Row) -> String {
    let names: Vec<&str> = row.faults.iter().map(|fault| fault.name()).collect();
    if names.is_empty() { "(none)".to_owned() } else { names.join(" ") }
}

/// Plants a row on the farm that the row before left at rest, or on a new one.
fn plant(farm: &mut Option<Player>, row: &Row) -> (Verdict, Vec<String>) {
    if farm.is_none() {
        match Player::begin(WORKERS, PATIENCE) {
            Ok(player) => *farm = Some(player),
            Err(problems) => return (Verdict::Otherwise, problems.iter().map(ToString::to_string).collect()),
        }
    }
    let Some(player) = farm else { return (Verdict::Otherwise, Vec::new()) };
    let arms: Vec<String> = row.faults.iter().map(|fault| format!("{}=return", fault.name())).collect();
    player.arms = arms.join(";");
    player.patience = if row.violates.is_some() { PATIENCE_WITH_FAULT } else { PATIENCE };
    let problems = play(player, row);
    let fits = |problem: &Problem| match problem {
        Problem::Violation(violation) => Some(violation.invariant) == row.violates,
        Problem::Restless(_) => false,
    };
    let verdict = match (row.violates, problems.is_empty()) {
        (None, true) => Verdict::Sound,
        (Some(_), true) => Verdict::Missed,
        (_, false) if problems.iter().any(fits) => Verdict::Caught,
        (_, false) => Verdict::Otherwise,
    };
    let (first, rest): (Vec<_>, Vec<_>) = problems.iter().partition(|problem| fits(problem));
    let mut found: Vec<String> = first.into_iter().chain(rest).map(ToString::to_string).collect();
    if matches!(verdict, Verdict::Missed | Verdict::Otherwise) {
        found.extend([player.farm.site.daemon_logs(), format!("{:#?}", player.farm.observe())]);
    }
    (verdict, found)
}

/// The problems of the first step that has any.
fn play(player: &mut Player, row: &Row) -> Vec<Problem> {
    if let Err(problem) = restart(player) {
        return vec![Problem::Restless(problem)];
    }
    for (number, (operation, trouble)) in (0..).zip(&row.steps) {
        let step = Step { number, operation: *operation, twice: false, trouble: *trouble };
        let played = player.play(&step);
        if !played.problems.is_empty() {
            return played.problems;
        }
    }
    Vec::new()
}

fn raze(player: Player) -> Option<Player> {
    player.farm.raze();
    None
}

/// Starts both daemons again, with the arms that there are now. Whoever else starts one arms it with nothing.
fn restart(player: &Player) -> Result<(), String> {
    let site = &player.farm.site;
    let both = [Daemon::Agent, Daemon::Coordinator];
    until(RESTART_TIMEOUT, || {
        for daemon in both {
            daemons::kill(site, daemon);
        }
        let mut played = Played::default();
        player.heal(&mut played);
        let problems: Vec<String> = played.problems.iter().map(ToString::to_string).collect();
        let unarmed: Vec<Daemon> =
            both.into_iter().filter(|daemon| !daemons::is_armed(site, *daemon, &player.arms)).collect();
        if problems.is_empty() && unarmed.is_empty() {
            return Ok(());
        }
        Err(format!("not started as they should be: {unarmed:?} {}", problems.join("; ")))
    })
}

/// The farm, where it is at rest and as at the beginning once nothing is planted any more; else it is removed.
fn disarm(mut player: Player) -> Option<Player> {
    player.arms.clear();
    player.patience = PATIENCE_WITH_FAULT;
    let is_back = caught(|| {
        if restart(&player).is_err() {
            return false;
        }
        player.seen = Observation::default();
        let down = player.wanted.side.then_some(Operation::Side);
        down.into_iter().chain([Operation::Scale(WORKERS)]).all(|operation| {
            let step = Step { number: 0, operation, twice: false, trouble: Trouble::None };
            player.play(&step).problems.is_empty()
        })
    });
    if is_back == Ok(true) {
        return Some(player);
    }
    player.farm.raze();
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_fault_is_planted() {
        let planted: BTreeSet<Fault> = rows().iter().flat_map(|row| row.faults).copied().collect();
        assert_eq!(planted, Fault::ALL.iter().copied().collect());
    }
}
