//! What to do next with one node: pure, with time as data.

use throng_common::host_spec::{DesiredState, NodeSpec, RestartSpec};
use throng_common::scenario::model::RestartWhen;

use super::node_state::{Action, BACKOFF_CAP_MILLIS, NodeState, Presence};
use crate::clock::Uptime;

/// What to do next with one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Decision {
    /// Nothing: it is as it should be, or something is under way.
    Nothing,
    /// Do this.
    Do(Action),
    /// Look again at this time.
    WaitUntil(Uptime),
    /// Nothing of it is wanted and nothing is left: forget it.
    Forget,
}

/// What is wanted of a node: its spec, and the digest under which a node made from it is labelled.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The spec.
    pub spec: &'a NodeSpec,
    /// The digest.
    pub digest: &'a str,
}

/// What to do next with a node of this state; `wanted` is none when it is no longer desired, `clean` says that none of
/// its resources are left.
pub fn decide(wanted: Option<Wanted<'_>>, state: &NodeState, clean: bool, now: Uptime) -> Decision {
    if state.busy.is_some() {
        return Decision::Nothing;
    }
    let Some(wanted) = wanted else {
        return match state.presence {
            Presence::Absent if clean => Decision::Forget,
            Presence::Running(_) | Presence::Unknown => wait_or(state, now, Action::Stop),
            Presence::Absent | Presence::Created { .. } | Presence::Ended { .. } => wait_or(state, now, Action::Remove),
        };
    };
    match wanted.spec.desired {
        DesiredState::Stopped => match state.presence {
            Presence::Running(_) => wait_or(state, now, Action::Stop),
            Presence::Absent | Presence::Created { .. } | Presence::Ended { .. } | Presence::Unknown => {
                Decision::Nothing
            }
        },
        DesiredState::Running => decide_running(wanted, state, now),
    }
}

fn decide_running(wanted: Wanted<'_>, state: &NodeState, now: Uptime) -> Decision {
    let spec = wanted.spec;
    let newer = spec.incarnation > state.incarnation;
    match &state.presence {
        // It is ended first; what it is then leads to a start from the newer wish.
        Presence::Running(running) if running.digest != wanted.digest || newer => wait_or(state, now, Action::Stop),
        Presence::Created { digest, .. } | Presence::Ended { digest, .. } if digest != wanted.digest => {
            retry(&spec.restart, state, now, Action::Replace)
        }
        Presence::Absent | Presence::Created { .. } | Presence::Ended { .. } if newer => Decision::Do(Action::Start),
        Presence::Absent | Presence::Created { .. } if state.reason.is_none() => Decision::Do(Action::Start),
        Presence::Absent | Presence::Created { .. } => retry(&spec.restart, state, now, Action::Start),
        Presence::Ended { failed, .. } if wants_restart(spec.restart.when, *failed) => {
            retry(&spec.restart, state, now, Action::Start)
        }
        Presence::Running(_) | Presence::Unknown | Presence::Ended { .. } => Decision::Nothing,
    }
}

/// Whether a node that ended by itself is to be started again.
fn wants_restart(when: RestartWhen, failed: bool) -> bool {
    match when {
        RestartWhen::Never => false,
        RestartWhen::Failure => failed,
        RestartWhen::Always => true,
    }
}

/// Starts it again when its wait is over, unless it failed too often.
fn retry(restart: &RestartSpec, state: &NodeState, now: Uptime, action: Action) -> Decision {
    let counts = state.reason.as_ref().is_none_or(|reason| !reason.kind.is_silence());
    if counts && state.failures > restart.max {
        return Decision::Nothing;
    }
    wait_or(state, now, action)
}

fn wait_or(state: &NodeState, now: Uptime, action: Action) -> Decision {
    match state.retry_at {
        Some(at) if at > now => Decision::WaitUntil(at),
        Some(_) | None => Decision::Do(action),
    }
}

/// When a node that failed or ended is tried again; none: never.
pub fn retry_at(restart: &RestartSpec, state: &NodeState, now: Uptime) -> Option<Uptime> {
    if let Presence::Ended { failed, .. } = state.presence
        && !wants_restart(restart.when, failed)
    {
        return None;
    }
    let unreachable = state.reason.as_ref().is_some_and(|reason| reason.kind.is_silence());
    if !unreachable && state.failures > restart.max {
        return None;
    }
    let base = u64::try_from(restart.backoff.as_millis()).unwrap_or(u64::MAX).max(1);
    let doublings = state.failures.saturating_sub(1).min(20);
    Some(now.plus(base.saturating_mul(1 << doublings).min(BACKOFF_CAP_MILLIS)))
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
