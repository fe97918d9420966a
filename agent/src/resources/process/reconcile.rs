//! What must be done so that a process node is as wanted. Pure.

use serde::Serialize;

use super::observe::ProcessState;
use crate::resources::container::reconcile::Want;

/// One step. Steps are applied in order; a failed one ends the node's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ProcessStep {
    /// Take over a process that runs as wanted and was not known: found again after a restart of the agent.
    Adopt,
    /// End it as its spec says, and all that it started.
    Stop,
    /// End what is left of one that ended, or whose shim was lost.
    KillLeftovers,
    /// Start it.
    Start,
}

/// What was seen of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen<'a> {
    /// Where it stands.
    pub state: &'a ProcessState,
    /// The digest of what it was started from.
    pub digest: Option<&'a str>,
    /// Whether processes of it are left though its first one has ended.
    pub has_leftovers: bool,
    /// Whether the ledger knows this very process.
    pub is_known: bool,
}

/// The steps for one node. Whether a process that ended by itself is to be started again is for the caller to decide
/// beforehand: it says [`Want::Stopped`] while it waits.
pub fn reconcile(want: Want, digest: &str, seen: &Seen<'_>) -> Vec<ProcessStep> {
    let is_up = match seen.state {
        ProcessState::Starting | ProcessState::Running(_) | ProcessState::Ending(_) => true,
        ProcessState::Absent | ProcessState::Ended(_) | ProcessState::Lost => false,
    };
    let mut steps = Vec::new();
    if !is_up && seen.has_leftovers {
        steps.push(ProcessStep::KillLeftovers);
    }
    match (want, is_up) {
        (Want::Running, true) if seen.digest == Some(digest) => {
            if !seen.is_known {
                steps.push(ProcessStep::Adopt);
            }
        }
        (Want::Running, true) => steps.extend([ProcessStep::Stop, ProcessStep::Start]),
        (Want::Running, false) => steps.push(ProcessStep::Start),
        (Want::Stopped | Want::Gone, true) => steps.push(ProcessStep::Stop),
        (Want::Stopped | Want::Gone, false) => {}
    }
    steps
}

#[cfg(test)]
mod tests {
    use throng_common::status::UnixMillis;

    use super::*;
    use crate::shim::record::{ExitCause, ExitRecord, PidRecord, ProcessId};

    fn running() -> ProcessState {
        let process = ProcessId { pid: 7, start_ticks: 1 };
        let record = PidRecord { process, shim: process, boot_id: "b".to_owned(), started_at: UnixMillis(1) };
        ProcessState::Running(record)
    }

    fn ended() -> ProcessState {
        ProcessState::Ended(ExitRecord { exit: ExitCause::Code(0), at: UnixMillis(2), oom_killed: false })
    }

    fn steps(want: Want, state: &ProcessState, digest: &str, has_leftovers: bool) -> Vec<ProcessStep> {
        reconcile(want, "right", &Seen { state, digest: Some(digest), has_leftovers, is_known: true })
    }

    #[test]
    fn each_case_takes_just_the_steps_that_it_needs() {
        use ProcessStep as S;
        for (want, state, digest, leftovers, expected) in [
            (Want::Running, ProcessState::Absent, "right", false, vec![S::Start]),
            (Want::Running, running(), "right", false, vec![]),
            (Want::Running, running(), "other", false, vec![S::Stop, S::Start]),
            (Want::Running, ended(), "right", false, vec![S::Start]),
            (Want::Running, ProcessState::Lost, "right", true, vec![S::KillLeftovers, S::Start]),
            (Want::Stopped, running(), "other", false, vec![S::Stop]),
            (Want::Stopped, ended(), "right", true, vec![S::KillLeftovers]),
            (Want::Gone, ProcessState::Starting, "right", false, vec![S::Stop]),
            (Want::Gone, ended(), "right", false, vec![]),
        ] {
            assert_eq!(steps(want, &state, digest, leftovers), expected, "{want:?} {state:?} {digest}");
        }
    }

    #[test]
    fn a_process_of_an_agents_life_before_is_adopted_and_left_alone() {
        let state = running();
        let seen = Seen { state: &state, digest: Some("right"), has_leftovers: false, is_known: false };
        assert_eq!(reconcile(Want::Running, "right", &seen), [ProcessStep::Adopt]);
    }
}
