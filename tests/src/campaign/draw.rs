//! Which step has which number: drawn from the seed and the number alone. Pure.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use throng_failpoints::Point;

use super::command::ROLLED;
use super::step::{Misbehaviour, Operation, Step, Trouble, Victims};
use crate::farm::WORKERS;
use crate::farm::daemons::Daemon;
use crate::kill_loop::reach::{Operation as Reached, reach};

/// How far the number of workers may be from that at the beginning.
const WORKERS_SPREAD: u32 = 3;

impl Step {
    /// The step of this number.
    pub(super) fn draw(seed: u64, number: u64) -> Self {
        let mut random = random(seed, number);
        let operation = operation(&mut random);
        let trouble = trouble(&mut random, operation);
        let repeatable = !matches!(operation, Operation::Rest);
        Self { number, operation, twice: repeatable && random.random_bool(0.15), trouble }
    }
}

fn operation(random: &mut StdRng) -> Operation {
    match random.random_range(0..25) {
        0..8 => Operation::Side,
        8..13 => Operation::Scale(random.random_range(WORKERS - WORKERS_SPREAD..=WORKERS + WORKERS_SPREAD)),
        13..15 => Operation::Exec,
        15..17 => Operation::Test,
        17..19 => Operation::Roll(random.random_range(0..WORKERS - WORKERS_SPREAD - ROLLED)),
        19..21 => Operation::Reset,
        21..23 => Operation::Update(random.random_bool(0.5)),
        23 => Operation::Copy(random.random_range(0..WORKERS - WORKERS_SPREAD)),
        _ => Operation::Rest,
    }
}

fn trouble(random: &mut StdRng, operation: Operation) -> Trouble {
    let mut millis = |most: u64| Duration::from_millis(random.random_range(0..most));
    let (soon, long) = (millis(4000), Duration::from_secs(1) + millis(4000));
    let worker = random.random_range(0..WORKERS - WORKERS_SPREAD);
    match random.random_range(0..27) {
        0..2 => Trouble::None,
        2..8 => {
            let victims = [Victims::Agent, Victims::Coordinator, Victims::Both].choose(random);
            Trouble::Kill { victims: *victims.expect("three to choose from"), after: soon }
        }
        8..12 => kill_at(random, operation).unwrap_or(Trouble::None),
        12..14 => {
            let daemon = if random.random_bool(0.5) { Daemon::Agent } else { Daemon::Coordinator };
            Trouble::Hang { daemon, lasts: long }
        }
        14..17 => match random.random_range(0..8) {
            0 => Trouble::KillNode("hub", 0),
            1..3 => Trouble::KillNode("plain", random.random_range(0..4)),
            _ => Trouble::KillNode("worker", worker),
        },
        17 => Trouble::HangNode("plain", random.random_range(0..4)),
        18..20 => Trouble::TakePort { worker, lasts: long },
        20 => Trouble::Setting(random.random_range(17_000..19_000)),
        21..23 => Trouble::CutLink { silently: random.random_bool(0.5), lasts: long },
        23..26 => Trouble::Engine { how: misbehaviour(random, operation), lasts: long },
        _ => Trouble::Decoys,
    }
}

/// Commands in nodes ask the engine who they are: where it errs they say so, and have not run.
fn misbehaviour(random: &mut StdRng, operation: Operation) -> Misbehaviour {
    let in_nodes = matches!(operation, Operation::Exec | Operation::Test | Operation::Copy(_));
    let any = [Misbehaviour::Hangs, Misbehaviour::BreaksOff, Misbehaviour::Errs];
    *any[..if in_nodes { 2 } else { 3 }].choose(random).expect("there is one to choose")
}

/// A point that the operation comes by, in both of its directions.
fn kill_at(random: &mut StdRng, operation: Operation) -> Option<Trouble> {
    let by: &[Reached] = match operation {
        Operation::Side => &[Reached::Up, Reached::Down],
        Operation::Scale(_) => &[Reached::Grow, Reached::Shrink],
        Operation::Exec => &[Reached::Exec],
        Operation::Test => &[Reached::Test],
        Operation::Roll(_) => &[Reached::Roll],
        Operation::Reset => &[Reached::Reset],
        Operation::Update(_) => &[Reached::Update],
        Operation::Copy(_) | Operation::Rest => &[],
    };
    // Which of its directions it takes is not known here: as often as both come by.
    let times = |point: Point| {
        let reached = reach(point).operations.iter().filter(|reached| by.contains(reached));
        reached.map(|reached| reach(point).times(*reached)).min()
    };
    let points: Vec<(Point, u32)> = Point::ALL.iter().filter_map(|point| Some((*point, times(*point)?))).collect();
    let (point, times) = *points.choose(random)?;
    Some(Trouble::KillAt { point, passes: random.random_range(0..times) })
}

fn random(seed: u64, number: u64) -> StdRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    StdRng::from_seed(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_step_is_the_same_whenever_it_is_drawn() {
        for number in [0, 7, 1000] {
            assert_eq!(Step::draw(42, number), Step::draw(42, number));
        }
        assert!((0..20).any(|number| Step::draw(42, number) != Step::draw(43, number)));
    }

    #[test]
    fn everything_that_can_go_wrong_is_drawn_before_long() {
        let drawn: Vec<Step> = (0..600).map(|number| Step::draw(1, number)).collect();
        let operations: BTreeSet<_> = drawn.iter().map(|step| step.operation.name()).collect();
        let troubles: BTreeSet<_> = drawn.iter().map(|step| step.trouble.name()).collect();
        assert_eq!((operations.len(), troubles.len()), (9, 17), "{operations:?} {troubles:?}");
    }
}
