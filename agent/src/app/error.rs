//! Why the agent cannot begin.

use std::path::PathBuf;

use throng_common::ids::{FleetId, HostId};

use crate::enrol::EnrolError;
use crate::ledger::LedgerError;
use crate::state_dir::lock::LockError;

/// Why the agent cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Another agent is there.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Its memory cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// It has no identity and cannot get one.
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    /// It has no identity and no token.
    #[error("this host has not joined the fleet of that CA pin: give a join token with --token-stdin")]
    NoToken,
    /// Its certificate has ended, and it has no token.
    #[error(
        "this host's certificate ended {ended}, as it was away for too long: give a new join token with --token-stdin, as `throng up` does on the coordinator's own machine"
    )]
    Ended {
        /// When.
        ended: jiff::Timestamp,
    },
    /// It belongs to another fleet, of which nodes are left.
    #[error(
        "this host belongs to fleet {fleet} and has {nodes} of its nodes: take them down first (`throng down`), or remove {}",
        ledger.display()
    )]
    OtherFleet {
        /// That fleet.
        fleet: FleetId,
        /// How many nodes.
        nodes: usize,
        /// Where they are recorded.
        ledger: PathBuf,
    },
    /// The token was made for another host.
    #[error("the token is for host {given}, but this agent was started as {wanted}: use a token for {wanted}")]
    OtherHost {
        /// The host that the token is for.
        given: HostId,
        /// The host that was asked for.
        wanted: HostId,
    },
    /// The system refused a step.
    #[error("cannot {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

/// A step that the system refused.
pub(super) fn system(what: &'static str) -> impl Fn(std::io::Error) -> AppError {
    move |source| AppError::System { what, source }
}
