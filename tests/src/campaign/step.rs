//! A step: something that a user does, and something that goes wrong meanwhile.

use std::fmt;
use std::time::Duration;

use throng_failpoints::Point;

use crate::farm::daemons::Daemon;

/// What a user does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Operation {
    /// Brings the second cluster up, or takes it down where it is up.
    Side,
    /// Gives the first cluster so many workers.
    Scale(u32),
    /// Runs a command in all workers.
    Exec,
    /// Runs the tests of the first cluster, which restart a worker.
    Test,
    /// Has three workers begin anew, from this one on, two of them down at the most.
    Roll(u32),
    /// Wipes what the second cluster has written, where it is up.
    Reset,
    /// Changes the second cluster to another scenario, or back, node by node, where it is up.
    Update(bool),
    /// Copies a file out of a worker.
    Copy(u32),
    /// Nothing.
    Rest,
}

/// Who is hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Victims {
    /// The agent.
    Agent,
    /// The coordinator.
    Coordinator,
    /// Both.
    Both,
}

impl Victims {
    /// The daemons.
    pub(super) fn daemons(self) -> &'static [Daemon] {
        match self {
            Self::Agent => &[Daemon::Agent],
            Self::Coordinator => &[Daemon::Coordinator],
            Self::Both => &[Daemon::Coordinator, Daemon::Agent],
        }
    }
}

/// What goes wrong meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Trouble {
    /// Nothing.
    None,
    /// Daemons are killed so long after the beginning.
    Kill {
        /// Who.
        victims: Victims,
        /// When.
        after: Duration,
    },
    /// A daemon is killed at a point of the operation.
    KillAt {
        /// Where.
        point: Point,
        /// How often it passes before.
        passes: u32,
    },
    /// A daemon is stopped for a while, and continued.
    Hang {
        /// Which.
        daemon: Daemon,
        /// For how long.
        lasts: Duration,
    },
    /// A node's first process is killed.
    KillNode(&'static str, u32),
    /// A node's first process is stopped until throng says that it is not ready, and continued.
    HangNode(&'static str, u32),
    /// A node is killed, and its port taken by somebody else for a while.
    TakePort {
        /// Of this worker.
        worker: u32,
        /// For how long.
        lasts: Duration,
    },
    /// Somebody else changes a kernel setting that the second cluster sets too.
    Setting(u32),
    /// The agent's connection is cut, or goes silent, for a while.
    CutLink {
        /// Whether nobody notices: nothing is closed, nothing is delivered.
        silently: bool,
        /// For how long.
        lasts: Duration,
    },
    /// The engine misbehaves for a while.
    Engine {
        /// How.
        how: Misbehaviour,
        /// For how long.
        lasts: Duration,
    },
    /// Somebody else makes what looks like throng's.
    Decoys,
}

/// What the engine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Misbehaviour {
    /// It takes calls and does not answer.
    Hangs,
    /// It breaks off all that is under way, also the stream of its events.
    BreaksOff,
    /// It answers questions with errors of its own.
    Errs,
}

impl Operation {
    /// Its name in the summary.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Side => "second cluster up or down",
            Self::Scale(_) => "scale",
            Self::Exec => "exec on all",
            Self::Test => "test",
            Self::Roll(_) => "rolling restart",
            Self::Reset => "reset",
            Self::Update(_) => "change of scenario",
            Self::Copy(_) => "cp",
            Self::Rest => "nothing",
        }
    }
}

impl Trouble {
    /// Its name in the summary.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::Kill { victims: Victims::Agent, .. } => "agent killed",
            Self::Kill { victims: Victims::Coordinator, .. } => "coordinator killed",
            Self::Kill { victims: Victims::Both, .. } => "both killed",
            Self::KillAt { .. } => "killed at a named point",
            Self::Hang { daemon: Daemon::Agent, .. } => "agent hangs",
            Self::Hang { daemon: Daemon::Coordinator, .. } => "coordinator hangs",
            Self::KillNode(..) => "node killed",
            Self::HangNode(..) => "node hangs",
            Self::TakePort { .. } => "port taken",
            Self::Setting(_) => "setting changed by others",
            Self::CutLink { silently: false, .. } => "link cut",
            Self::CutLink { silently: true, .. } => "link silent",
            Self::Engine { how: Misbehaviour::Hangs, .. } => "engine hangs",
            Self::Engine { how: Misbehaviour::BreaksOff, .. } => "engine breaks off",
            Self::Engine { how: Misbehaviour::Errs, .. } => "engine errs",
            Self::Decoys => "decoys planted",
        }
    }
}

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// Its number, from 0.
    pub(super) number: u64,
    /// What a user does.
    pub(super) operation: Operation,
    /// Whether it is done once more when it is done.
    pub(super) twice: bool,
    /// What goes wrong meanwhile.
    pub(super) trouble: Trouble,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, operation, twice, trouble } = self;
        let twice = if *twice { " twice" } else { "" };
        write!(f, "step {number}: {operation:?}{twice}, {trouble:?}")
    }
}
