//! Which steps show which fault, and what it violates.

use std::time::Duration;

use throng_failpoints::Fault as F;

use super::super::step::Operation::{Exec, Rest, Scale, Side, Test};
use super::super::step::{Operation, Trouble, Victims};
use crate::farm::daemons::Daemon;
use crate::invariants::Invariant;

/// Enough for the tests' restart and a scaling in both directions.
pub(super) const WORKERS: u32 = 5;

type Play = (Operation, Trouble);

const NOTHING: Trouble = Trouble::None;
const UP: Play = (Side, NOTHING);
const DOWN: Play = (Side, NOTHING);
const GROW: Play = (Scale(WORKERS + 1), NOTHING);
const SHRINK: Play = (Scale(WORKERS - 1), NOTHING);
const RUN: Play = (Exec, NOTHING);
const TEST: Play = (Test, NOTHING);
const NODE_DIES: Play = (Rest, Trouble::KillNode("worker", 1));
const NODE_HANGS: Play = (Rest, Trouble::HangNode("plain", 1));
/// To what the second cluster would set it.
const SETTING: Play = (Rest, Trouble::Setting(20_011));
/// Longer than two containers may have been asked for in either order.
const LATER: Play = (Rest, Trouble::Hang { daemon: Daemon::Agent, lasts: Duration::from_secs(11) });

/// The agent works on for so long.
const LINGER: Play = (Rest, Trouble::Hang { daemon: Daemon::Coordinator, lasts: Duration::from_secs(7) });

const fn die(victims: Victims) -> Play {
    (Rest, Trouble::Kill { victims, after: Duration::ZERO })
}

/// Faults that are planted together, the steps that should show them, and what they violate; none: nothing.
pub(super) struct Row {
    pub(super) faults: &'static [F],
    pub(super) steps: Vec<Play>,
    pub(super) violates: Option<Invariant>,
    /// Whether something is left that throng does not mend once the fault is gone.
    pub(super) leaves: bool,
}

fn row(faults: &'static [F], steps: &[Play], violates: Invariant) -> Row {
    let mends = matches!(violates, Invariant::OneEach | Invariant::Kept | Invariant::Told | Invariant::Outcomes);
    Row { faults, steps: steps.to_vec(), violates: Some(violates), leaves: !mends }
}

fn harmless(faults: &'static [F], steps: &[Play]) -> Row {
    Row { faults, steps: steps.to_vec(), violates: None, leaves: false }
}

/// All of them. First without any fault: what is found after that is the faults' doing.
pub(super) fn rows() -> Vec<Row> {
    let none = [
        harmless(&[], &[UP, DOWN, GROW, SHRINK, RUN, TEST, NODE_DIES]),
        harmless(&[], &[NODE_HANGS, die(Victims::Both), SETTING, GROW]),
    ];
    none.into_iter().chain(left_out()).chain(wrongly_done()).chain(of_others()).collect()
}

/// What is not taken away, and not written down.
fn left_out() -> Vec<Row> {
    vec![
        row(&[F::SkipUnmount], &[SHRINK], Invariant::Mounts),
        row(&[F::SkipContainerRemoval], &[SHRINK], Invariant::Containers),
        row(&[F::SkipPrepareRemoval], &[UP], Invariant::Containers),
        row(&[F::SkipProcessEnd], &[UP, DOWN], Invariant::Processes),
        row(&[F::SkipGroups], &[UP, DOWN], Invariant::Processes),
        row(&[F::SkipGroupRemoval], &[UP, DOWN], Invariant::Processes),
        row(&[F::SkipDiskRemoval], &[UP, DOWN], Invariant::Folders),
        row(&[F::SkipNamesRemoval], &[UP, DOWN], Invariant::Host),
        row(&[F::SkipAddressRemoval], &[UP, DOWN], Invariant::Host),
        row(&[F::SkipSettingRestore], &[UP, DOWN], Invariant::Settings),
        row(&[F::SkipPortsRelease], &[UP, DOWN], Invariant::Host),
        row(&[F::SkipSettingRecord], &[UP, DOWN], Invariant::Settings),
        row(&[F::SkipSettingForget], &[UP, DOWN, SETTING, GROW], Invariant::Settings),
        row(&[F::SkipNodeRecord], &[TEST, die(Victims::Agent)], Invariant::Kept),
        row(&[F::SkipClusterRecord], &[UP, die(Victims::Coordinator)], Invariant::Told),
        row(&[F::SkipEventsRecord], &[UP], Invariant::Told),
    ]
}

/// What is done or told wrongly.
fn wrongly_done() -> Vec<Row> {
    vec![
        row(&[F::StartTwice], &[GROW], Invariant::Containers),
        row(&[F::MountTwice], &[GROW], Invariant::Mounts),
        row(&[F::MountLarger], &[GROW], Invariant::Mounts),
        row(&[F::ExecTwice], &[RUN], Invariant::Outcomes),
        row(&[F::LoseOutcome], &[RUN], Invariant::Outcomes),
        harmless(&[F::RepeatOlder], &[GROW, SHRINK]),
        row(&[F::RepeatOlder, F::TakeOlder], &[GROW], Invariant::OneEach),
        row(&[F::MakeForOlder], &[LATER, GROW], Invariant::Generations),
        row(&[F::RestartOnScale], &[GROW], Invariant::Kept),
        row(&[F::MissEnd], &[NODE_DIES], Invariant::OneEach),
        row(&[F::SkipProbe], &[NODE_HANGS], Invariant::Told),
        row(&[F::MissEnd, F::SkipProbe], &[NODE_DIES], Invariant::Told),
        row(&[F::LoseEvent], &[NODE_DIES], Invariant::Told),
    ]
}

/// What is somebody else's.
fn of_others() -> Vec<Row> {
    vec![
        row(&[F::TakeForeignContainer], &[die(Victims::Agent), LINGER], Invariant::Decoys),
        row(&[F::TakeForeignMount], &[SHRINK], Invariant::Decoys),
        row(&[F::TakeForeignName], &[GROW], Invariant::Decoys),
        row(&[F::TakeForeignPort], &[UP], Invariant::Decoys),
    ]
}
