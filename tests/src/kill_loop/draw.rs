//! What happens in a round: drawn from the seed and the round's number alone. Pure.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use throng_failpoints::Point;

use super::reach::{Operation, reach};
use crate::farm::daemons::Daemon;

/// The longest time that a daemon goes on after a point at which it is not killed at once, in microseconds: more than
/// a call of the engine takes.
const LATER_MAX_MICROS: u64 = 80_000;

/// The longest time until what died is started again, in milliseconds.
const PAUSE_MAX_MILLIS: u64 = 1500;

/// Who dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Victims {
    /// The daemon whose point it is.
    Own,
    /// The other one, as soon as the first comes by the point.
    Other,
    /// Both, the other one as soon as the first is dead.
    Both,
}

impl Victims {
    /// In three rounds of a point each comes once.
    const ALL: [Self; 3] = [Self::Own, Self::Other, Self::Both];

    /// Whether the daemon whose point it is dies there.
    pub(super) fn has_own(self) -> bool {
        self != Self::Other
    }
}

/// How many rounds in a hundred are followed by the same once more, and undone twice.
const AGAIN_PERCENT: u32 = 25;

/// A round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Round {
    /// Its number, from 0.
    pub(super) number: u64,
    /// Where the daemon dies.
    pub(super) point: Point,
    /// How often it passes the point before.
    pub(super) passes: u32,
    /// How long it goes on after the point; zero: it dies there.
    pub(super) later: Duration,
    /// What is going on.
    pub(super) operation: Operation,
    /// Who dies.
    pub(super) victims: Victims,
    /// How long nobody starts again what died.
    pub(super) pause: Duration,
    /// Whether the same is done once more afterwards, and undone twice.
    pub(super) again: bool,
}

impl Round {
    /// The round of this number. All of the points come once before any comes again.
    pub(super) fn draw(seed: u64, number: u64, points: &[Point]) -> Self {
        let count = points.len() as u64;
        let mut order = points.to_vec();
        order.shuffle(&mut random(seed, number / count, u64::MAX));
        let point = order[usize::try_from(number % count).expect("points are few")];
        let mut random = random(seed, number, 0);
        let reach = reach(point);
        let operation = *reach.operations.choose(&mut random).expect("every point is reached by an operation");
        let passes = random.random_range(0..reach.times(operation));
        let is_waiting = point.name().ends_with("-sent");
        let later = if is_waiting || random.random_bool(0.2) { random.random_range(0..LATER_MAX_MICROS) } else { 0 };
        let at = points.iter().position(|known| *known == point).unwrap_or_default() as u64;
        let turn = usize::try_from((number / count + at) % 3).expect("there are three");
        // Who begins without the other waits for it: both are dead then.
        let begins = operation.is_beginning();
        let victims = if begins && turn == 1 { Victims::Both } else { Victims::ALL[turn] };
        let pause = Duration::from_millis(random.random_range(0..PAUSE_MAX_MILLIS));
        let again = random.random_ratio(AGAIN_PERCENT, 100);
        Self { number, point, passes, later: Duration::from_micros(later), operation, victims, pause, again }
    }

    /// The daemon whose point it is.
    pub(super) fn daemon(&self) -> Daemon {
        Daemon::of(self.point)
    }

    /// What arms the daemon: the value of `FAILPOINTS`.
    pub(super) fn arms(&self) -> String {
        let before = if self.passes == 0 { String::new() } else { format!("{}*off->", self.passes) };
        let micros = self.later.as_micros();
        let deed = match micros {
            _ if !self.victims.has_own() => "tell".to_owned(),
            0 => "kill".to_owned(),
            micros => format!("kill {micros}"),
        };
        format!("{}={before}return({deed})", self.point.name())
    }
}

impl std::fmt::Display for Round {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { number, operation, victims, pause, .. } = self;
        let again = if self.again { ", and again" } else { "" };
        write!(f, "round {number}: {operation:?}, {}, {victims:?}, back after {pause:?}{again}", self.arms())
    }
}

fn random(seed: u64, number: u64, use_for: u64) -> StdRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    bytes[16..24].copy_from_slice(&use_for.to_le_bytes());
    StdRng::from_seed(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn a_round_is_the_same_whenever_it_is_drawn() {
        for number in [0, 7, 1000] {
            assert_eq!(Round::draw(42, number, Point::ALL), Round::draw(42, number, Point::ALL));
        }
        assert!((0..20).any(|number| Round::draw(42, number, Point::ALL) != Round::draw(43, number, Point::ALL)));
    }

    #[test]
    fn every_point_comes_once_before_any_comes_again() {
        let all = Point::ALL.len() as u64;
        for life in 0..3 {
            let drawn: BTreeSet<_> =
                (life * all..(life + 1) * all).map(|at| Round::draw(1, at, Point::ALL).point).collect();
            assert_eq!(drawn.len(), Point::ALL.len());
        }
    }

    #[test]
    fn the_arms_are_what_the_points_understand() {
        let drawn = Round { victims: Victims::Own, ..Round::draw(1, 0, Point::ALL) };
        let round = Round { passes: 2, later: Duration::from_micros(15), ..drawn };
        let text = round.arms();
        assert!(text.ends_with("=2*off->return(kill 15)"), "{text}");
        let round = Round { passes: 0, later: Duration::ZERO, ..round };
        assert!(round.arms().ends_with("=return(kill)"));
        assert!(Round { victims: Victims::Other, ..round }.arms().ends_with("=return(tell)"));
    }

    #[test]
    fn in_three_rounds_of_a_point_each_daemon_dies_alone_and_both_together() {
        let count = Point::ALL.len() as u64;
        let drawn = (0..3 * count).map(|number| Round::draw(7, number, Point::ALL));
        let mut victims: BTreeMap<Point, BTreeSet<Victims>> = BTreeMap::new();
        for round in drawn {
            victims.entry(round.point).or_default().insert(round.victims);
        }
        let begins = |point| reach(point).operations.first().is_some_and(|operation| operation.is_beginning());
        assert!(victims.iter().all(|(point, victims)| victims.len() == 3 || begins(*point)), "{victims:?}");
    }
}
