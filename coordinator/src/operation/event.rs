//! What an operation says: the one vocabulary of everything that takes long.
//!
//! The rollout and the test suite speak it. It is shown to people as it comes (moving or plain lines), kept as JSON, and
//! a run's report takes its phases from it, and JUnit from the report.

use std::time::Duration;

use throng_common::ids::HostId;
use throng_common::status::{Residue, UnixMillis};
use throng_common::verdict::{Outcome, Verdict};

/// Where events go. Never waits, and never fails: a listener that has gone away is no reason to stop.
pub trait EventSink: Send + Sync {
    /// Says something.
    fn emit(&self, event: OperationEvent);
}

/// Something an operation said, with its number and time.
#[derive(Debug, Clone, PartialEq)]
pub struct Stamped {
    /// Counted within the operation: from 0, and in every further life of the coordinator from a higher number.
    pub number: u64,
    /// When.
    pub at: UnixMillis,
    /// What.
    pub event: OperationEvent,
}

/// Something an operation says.
#[derive(Debug, Clone, PartialEq)]
pub enum OperationEvent {
    /// A phase begins.
    PhaseStarted {
        /// Its name: `plan`, `image`, `up worker`, `tests`, `down`, `audit`.
        phase: String,
        /// How many things it is about; 0: not counted.
        total: u64,
    },
    /// A phase goes on. Of several in a row only the last matters.
    PhaseProgress {
        /// Its name.
        phase: String,
        /// How many things are done.
        done: u64,
        /// Of how many.
        total: u64,
        /// What is waited for.
        detail: String,
    },
    /// A phase ended.
    PhaseEnded {
        /// Its name.
        phase: String,
        /// How long it took.
        took: Duration,
        /// Whether it came to what it was for.
        ok: bool,
        /// What a person should know of it.
        detail: String,
    },
    /// Something worth knowing.
    Note {
        /// How grave.
        level: NoteLevel,
        /// What.
        text: String,
        /// What can be done; may be empty.
        hint: String,
    },
    /// A test begins.
    TestStarted {
        /// Its claim.
        test: String,
        /// Its place, from 1.
        position: u32,
        /// Of how many.
        total: u32,
    },
    /// A test ended.
    TestEnded {
        /// Its claim.
        test: String,
        /// What it came to; none: interrupted.
        verdict: Option<Verdict>,
        /// How long it took.
        took: Duration,
        /// What failed, nodes folded.
        detail: String,
    },
    /// The operation ended. Always the last event.
    Ended(Ended),
}

/// How grave a note is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteLevel {
    /// For interest.
    Info,
    /// Something is not as it should be.
    Warning,
    /// Something failed.
    Error,
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The outcome.
    pub outcome: Outcome,
    /// Why, in a line; may be empty.
    pub detail: String,
    /// What a teardown left behind, by host.
    pub residues: Vec<(HostId, Residue)>,
    /// Whether the cluster is still up.
    pub cluster_up: bool,
    /// Whether the coordinator's own end cut it short, so that whoever still wants it asks again.
    pub begin_again: bool,
}
