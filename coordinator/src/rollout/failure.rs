//! Why an operation did not come to its end.

use std::time::Duration;

use throng_common::error_chain::chain;
use throng_common::ids::RoleName;
use throng_common::span::Span;
use throng_common::verdict::Outcome;

use super::rolling::TargetError;
use crate::bundle::BundleError;
use crate::core::CoreError;
use crate::image::ImageError;
use crate::planner::refusal::{PlanRefusal, Problem};
use crate::report::folder::FolderError;
use crate::suite::engine::SuiteError;

/// Why an operation did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    /// The scenario is wrong; every mistake rendered for people.
    #[error("the scenario has mistakes:\n{0}")]
    Scenario(String),
    /// The plan does not fit.
    #[error("the plan does not fit")]
    Refused(#[from] PlanRefusal),
    /// Tests were named that are not there.
    #[error(transparent)]
    Suite(#[from] SuiteError),
    /// An image could not be had.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Files could not be written.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The run's folder could not be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Something under the coordinator's roof.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// No host is connected.
    #[error("no host is connected: `throng hosts` says why")]
    NoHost,
    /// Too few nodes came up.
    #[error("{role}: {up} of {desired} nodes are up, {quorum} are needed{when}\n{missing}")]
    Quorum {
        /// The role.
        role: RoleName,
        /// How many are up.
        up: u32,
        /// Of how many.
        desired: u32,
        /// How many are needed.
        quorum: u32,
        /// " after 5m", or that more failed than may.
        when: String,
        /// Who is missing and why, a line for each reason.
        missing: String,
    },
    /// The operator asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// A former life of the coordinator was taking it down, for a reason that went with it.
    #[error(
        "it did not come up: the coordinator ended while it was taken down again, and why is in `throng events` at best"
    )]
    OnItsWayDown,
    /// A panic.
    #[error("a fault in throng itself, worth a report: {0}")]
    Fault(String),
    /// The coordinator that was at it is no more.
    #[error("the coordinator ended in the midst of it, and what its tests came to is not known")]
    LeftOff,
    /// Another operation is at work on the cluster.
    #[error(
        "{0} is at work on this cluster\nhint: `throng follow {0}` watches it to its end, and with --cancel asks it to stop"
    )]
    Busy(String),
    /// A count that the scenario cannot have.
    #[error("{0}")]
    Count(String),
    /// Nodes did not follow a new count in time.
    #[error("{count} node{} not up after {}\n{missing}", if *.count == 1 { " is" } else { "s are" }, Span(*.within))]
    NotUp {
        /// How many.
        count: usize,
        /// How long they had.
        within: Duration,
        /// Who and why, a line for each reason.
        missing: String,
    },
    /// Of nodes that a new count took away something is left.
    #[error("{count} node{} not gone after {}\n{left}", if *.count == 1 { " is" } else { "s are" }, Span(*.within))]
    NotGone {
        /// How many.
        count: usize,
        /// How long they had.
        within: Duration,
        /// Who and what is in the way, a line for each reason.
        left: String,
    },
    /// More of the changed nodes did not come up again than may.
    #[error("{failed} changed node{} not up again, {allowed} may fail\n{why}\n{standing}", if *.failed == 1 { " is" } else { "s are" })]
    Stopped {
        /// How many.
        failed: u32,
        /// How many may.
        allowed: u32,
        /// Who and why, a line for each reason.
        why: String,
        /// Which nodes are changed, and which are as before.
        standing: String,
    },
    /// The operator asked to stop a change.
    #[error("interrupted\n{standing}")]
    Halted {
        /// Which nodes are changed, and which are as before.
        standing: String,
    },
    /// The cluster cannot follow another scenario while it is up.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Hosts that hold nodes of the cluster are not connected.
    #[error(
        "{hosts} holds nodes of the cluster and is not connected: `throng hosts` says since when; again once it is back"
    )]
    HostAway {
        /// Which.
        hosts: String,
    },
    /// A host was away, or did not come to rest, while its nodes were to be wiped.
    #[error("{0}: what its nodes had written may still be there; `throng reset` again once that is over")]
    Away(String),
    /// Hosts are still at work although nothing of nodes is missing or left.
    #[error("not at rest after {}: {hosts}", Span(*.within))]
    Restless {
        /// How long they had.
        within: Duration,
        /// Which, and what they say of it.
        hosts: String,
    },
}

impl RolloutError {
    /// What the operation's exit says.
    pub fn outcome(&self) -> Outcome {
        match self {
            // No other scenario would do better.
            Self::Refused(refusal) if refusal.problems.iter().all(Problem::is_of_the_environment) => {
                Outcome::Environment
            }
            Self::Scenario(_)
            | Self::Refused(_)
            | Self::Suite(_)
            | Self::Count(_)
            | Self::Target(_)
            | Self::Busy(_) => Outcome::Usage,
            Self::Interrupted | Self::Halted { .. } => Outcome::Interrupted,
            Self::Image(_)
            | Self::Bundle(_)
            | Self::Folder(_)
            | Self::Core(_)
            | Self::NoHost
            | Self::Quorum { .. }
            | Self::NotUp { .. }
            | Self::Stopped { .. }
            | Self::Away(_)
            | Self::HostAway { .. }
            | Self::Restless { .. } => Outcome::Quorum,
            Self::NotGone { .. } => Outcome::Residue,
            Self::LeftOff | Self::OnItsWayDown | Self::Fault(_) => Outcome::Environment,
        }
    }

    /// The error with its causes.
    pub fn text(&self) -> String {
        if let Self::Refused(refusal) = self {
            let lines = refusal.problems.iter().map(|problem| format!("{problem}\nhint: {}", problem.remedy()));
            return lines.collect::<Vec<_>>().join("\n");
        }
        chain(self)
    }
}
