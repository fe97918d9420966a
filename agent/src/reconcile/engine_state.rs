//! How the engine stands, and who needs it. Pure.

use throng_common::host_spec::Workload;
use throng_common::status::Reason;

use super::node_state::Presence;

/// How the engine stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EngineState {
    /// It answers, or was not needed yet.
    #[default]
    Answers,
    /// It answers nothing: nobody waits for it until it is back.
    Silent(Reason),
    /// It answers, but not for all of its containers: those are in the way of nobody else.
    Wedged(Reason),
}

impl EngineState {
    /// What is wrong with it; none where it answers.
    pub fn problem(&self) -> Option<&Reason> {
        match self {
            Self::Answers => None,
            Self::Silent(reason) | Self::Wedged(reason) => Some(reason),
        }
    }

    /// Whether it stands as there, although another call may have shown it.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Answers, Self::Answers) => true,
            (Self::Silent(one), Self::Silent(other)) | (Self::Wedged(one), Self::Wedged(other)) => {
                (one.kind, &one.message) == (other.kind, &other.message)
            }
            (Self::Answers | Self::Silent(_) | Self::Wedged(_), _) => false,
        }
    }

    /// Why nothing can be had of it; none where something can.
    pub fn silence(&self) -> Option<&Reason> {
        match self {
            Self::Silent(reason) => Some(reason),
            Self::Answers | Self::Wedged(_) => None,
        }
    }
}

/// Whether something can be done about a node only with the engine. Of one of which nothing is known and nothing wanted,
/// nobody can tell: it is tried.
pub(super) fn needs_engine(workload: Option<&Workload>, presence: &Presence) -> bool {
    let is_container = match workload {
        Some(Workload::Container(_)) => true,
        Some(Workload::Process(_)) | None => false,
    };
    match presence {
        Presence::Created { .. } => true,
        Presence::Running(running) => running.container.is_some(),
        Presence::Ended { container, .. } => container.is_some() || is_container,
        Presence::Absent => is_container,
        Presence::Unknown => is_container || workload.is_none(),
    }
}
