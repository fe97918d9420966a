//! What the agent believes of one node, and how events change it. Pure: time is data.

use std::time::Duration;

use throng_common::host_spec::{Probe, StopSpec};
use throng_common::ids::Incarnation;
use throng_common::status::{NodePhase, Reason, UnixMillis};

use super::command::WantedNode;
use crate::clock::{Now, Uptime};
use crate::host::engine::model::ContainerId;

/// A node that stays up for this long starts to count its restarts anew, in milliseconds.
pub const STABLE_AFTER_MILLIS: u64 = 60_000;

/// The longest wait between two starts of a node that keeps ending, in milliseconds.
pub const BACKOFF_CAP_MILLIS: u64 = 30_000;

/// How a node is stopped of which nobody knows how it wants to be: it was found by its marks, and the ledger does not
/// know it.
pub const DEFAULT_STOP: StopSpec = StopSpec { signal: 15, grace: Duration::from_secs(5) };

/// What the agent believes of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeState {
    /// What there is of it.
    pub presence: Presence,
    /// What is being done to it.
    pub busy: Option<Action>,
    /// Whether it answered its probe last time; always true without a probe.
    pub ready: bool,
    /// Whether it was ever ready since it was started.
    pub was_ready: bool,
    /// The incarnation that runs, or ran last.
    pub incarnation: Incarnation,
    /// How often it was started again by itself.
    pub restarts: u32,
    /// Failures in a row that count against the restart policy's `max`.
    pub failures: u32,
    /// Not before this is it started again.
    pub retry_at: Option<Uptime>,
    /// Why it is as it is.
    pub reason: Option<Reason>,
    /// When it was last started, by the wall clock.
    pub started_at: Option<UnixMillis>,
    /// The same by the clock that nobody sets; of one of an earlier boot, nothing.
    pub up_since: Option<Uptime>,
    /// When it last became ready.
    pub ready_at: Option<UnixMillis>,
    /// How it is being asked whether it is ready; none: it is not.
    pub asked: Option<Asking>,
    /// Whether it was found and the ledger did not know it: which wish it follows nobody remembers.
    pub unrecorded: bool,
    /// Whether processes of its container may live that the engine does not see.
    pub strays: Strays,
}

/// Whether processes of a container may live that its engine does not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strays {
    /// None do.
    None,
    /// The engine was asked to start it and did not say that it has, or some were seen.
    Possible,
}

/// How a node is being asked whether it is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// What it is asked.
    pub probe: Probe,
    /// Tells it from those before it.
    pub number: u64,
}

/// What there is of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// Nothing of it runs; resources may or may not be there.
    Absent,
    /// Its container is there and does not run, because it was never started or was stopped.
    Created {
        /// The container.
        container: ContainerId,
        /// The digest of the spec that it was made from.
        digest: String,
    },
    /// It runs.
    Running(Running),
    /// It ran and ended by itself.
    Ended {
        /// The container, which can be started again; none for a process.
        container: Option<ContainerId>,
        /// The digest of the spec that it was made from.
        digest: String,
        /// Whether its end counts as a failure.
        failed: bool,
    },
    /// The engine does not say.
    Unknown,
}

/// A node that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The container; none for a process.
    pub container: Option<ContainerId>,
    /// The id of the image that it was made from.
    pub image_id: Option<String>,
    /// Its first process.
    pub pid: u32,
    /// The digest of the spec that it was made from.
    pub digest: String,
    /// How it is to be stopped, also when it is no longer wanted.
    pub stop: StopSpec,
}

impl Presence {
    /// Whether what was found of a node is what is believed of it already.
    pub fn agrees_with(&self, found: &Self) -> bool {
        match (self, found) {
            (Self::Running(believed), Self::Running(found)) => {
                (&believed.container, believed.pid, &believed.digest) == (&found.container, found.pid, &found.digest)
            }
            // The engine cannot tell one that was stopped from one that ended by itself.
            (Self::Created { container, .. }, Self::Ended { container: Some(found), .. }) => container == found,
            (believed, found) => believed == found,
        }
    }
}

/// What is being done to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub enum Action {
    /// Bring it from whatever there is to running.
    Start,
    /// End what runs of it, keep its resources. Also the first half of a restart, a replacement and a removal.
    Stop,
    /// Remove its container, which does not run, and start it from its new spec.
    Replace,
    /// Remove all that it had. Nothing of it runs.
    Remove,
}

impl Default for NodeState {
    fn default() -> Self {
        Self {
            presence: Presence::Absent,
            busy: None,
            ready: false,
            was_ready: false,
            incarnation: Incarnation(0),
            restarts: 0,
            failures: 0,
            retry_at: None,
            reason: None,
            started_at: None,
            up_since: None,
            asked: None,
            ready_at: None,
            unrecorded: false,
            strays: Strays::None,
        }
    }
}

impl NodeState {
    /// One that runs from the very spec that is wanted, and of which nobody remembers the wish that it follows, is taken
    /// to follow the newest: what runs well is not ended because a ledger was lost. Gives what runs where that is so, to
    /// be remembered from now on.
    pub fn take_for_newest(&mut self, wanted: &WantedNode) -> Option<Running> {
        let Presence::Running(running) = &self.presence else { return None };
        if !self.unrecorded || running.digest != wanted.digest {
            return None;
        }
        self.incarnation = self.incarnation.max(wanted.spec.incarnation);
        self.unrecorded = false;
        Some(running.clone())
    }

    /// It is not asked any more whether it is ready: so it is.
    pub fn asked_no_more(&mut self, now: UnixMillis) {
        self.asked = None;
        self.ready = true;
        self.was_ready = true;
        self.reason = None;
        self.ready_at.get_or_insert(now);
    }

    /// Nobody has asked it yet whether it is ready, and somebody will.
    pub fn never_asked(&mut self) {
        self.ready = false;
        self.was_ready = false;
        self.ready_at = None;
    }

    /// Where it stands, for people and the coordinator; `wanted` says whether it should run.
    pub fn phase(&self, wanted: bool) -> NodePhase {
        match (&self.busy, &self.presence) {
            (Some(Action::Stop | Action::Remove), _) => NodePhase::Stopping,
            (Some(Action::Start | Action::Replace), _) => NodePhase::Preparing,
            (None, Presence::Unknown) => NodePhase::Unknown,
            (None, Presence::Running(_)) if self.ready => NodePhase::Ready,
            (None, Presence::Running(_)) if self.was_ready => NodePhase::Unready,
            (None, Presence::Running(_)) => NodePhase::Starting,
            (None, _) if !wanted => NodePhase::Stopped,
            (None, _) if self.retry_at.is_some() => NodePhase::Backoff,
            (None, Presence::Ended { .. }) => NodePhase::Failed,
            (None, Presence::Absent | Presence::Created { .. }) if self.reason.is_some() => NodePhase::Failed,
            (None, Presence::Absent | Presence::Created { .. }) => NodePhase::Pending,
        }
    }

    /// It was started, now or at the time that is given.
    pub fn started(&mut self, running: Running, incarnation: Incarnation, has_probe: bool, at: Now) {
        self.presence = Presence::Running(running);
        self.strays = Strays::None;
        self.asked = None;
        self.incarnation = incarnation;
        self.ready = !has_probe;
        self.was_ready = !has_probe;
        self.reason = None;
        self.retry_at = None;
        self.started_at = Some(at.wall);
        self.up_since = Some(at.uptime);
        self.ready_at = (!has_probe).then_some(at.wall);
    }

    /// It ended, by itself or because somebody else ended it.
    pub fn ended(&mut self, reason: Reason, failed: bool, now: Uptime) {
        let (container, digest) = match std::mem::replace(&mut self.presence, Presence::Absent) {
            Presence::Running(running) => (running.container, running.digest),
            Presence::Created { container, digest } => (Some(container), digest),
            Presence::Ended { container, digest, .. } => (container, digest),
            Presence::Absent | Presence::Unknown => (None, String::new()),
        };
        self.count_end(now);
        self.presence = Presence::Ended { container, digest, failed };
        self.asked = None;
        self.ready = false;
        self.reason = Some(reason);
    }

    /// Counts an end among those in a row. One that had run for long begins a new row.
    pub fn count_end(&mut self, now: Uptime) {
        let stable = self.up_since.is_some_and(|at| now >= at.plus(STABLE_AFTER_MILLIS));
        self.failures = if stable { 1 } else { self.failures.saturating_add(1) };
    }

    /// It could not be started.
    pub fn start_failed(&mut self, reason: Reason) {
        // An engine that does not answer says nothing of the node: it is tried again without counting.
        if !reason.kind.is_silence() {
            self.failures = self.failures.saturating_add(1);
        }
        self.ready = false;
        self.reason = Some(reason);
    }

    /// It answered its probe, or no longer does.
    pub fn probed(&mut self, answer: Result<(), Reason>, now: UnixMillis) {
        match answer {
            Ok(()) => {
                if !self.ready {
                    self.ready_at = Some(now);
                }
                self.ready = true;
                self.was_ready = true;
                self.reason = None;
            }
            Err(reason) => {
                self.ready = false;
                self.reason = Some(reason);
            }
        }
    }

    /// Forgets failures: somebody asked for a new beginning.
    pub fn begin_anew(&mut self) {
        self.failures = 0;
        self.retry_at = None;
        self.reason = None;
    }
}
