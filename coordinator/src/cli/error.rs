//! Why a command failed: one line, a hint, and what it means for the exit code.

use std::path::PathBuf;

use throng_common::verdict::Outcome;

use crate::bundle::BundleError;
use crate::client::error::ClientError;
use crate::daemon::error::DaemonError;
use crate::paths::StateDirError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The coordinator could not be called, or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A daemon could not be started or ended.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    /// There is no usable state directory.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// The scenario's files could not be read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The command was given something that it cannot use.
    #[error("{problem}")]
    Refused {
        /// What is wrong.
        problem: String,
        /// What to do instead.
        hint: String,
    },
    /// The coordinator that did the work is not there.
    #[error("{operation} was left: {why}")]
    Abandoned {
        /// The operation.
        operation: String,
        /// What became of its coordinator.
        why: &'static str,
        /// What can be done now.
        hint: String,
        /// What it means for the exit code.
        outcome: Outcome,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// "read", "write", "create".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The terminal did not do what was asked.
    #[error("the terminal refused: {action}")]
    Terminal {
        /// What was asked of it.
        action: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// stdout could not be written to.
    #[error("cannot write to stdout")]
    Output(#[from] std::io::Error),
    /// What is wrong was printed already.
    #[error("the scenario has mistakes")]
    Diagnosed,
}

impl From<tonic::Status> for CliError {
    fn from(status: tonic::Status) -> Self {
        Self::Client(status.into())
    }
}

impl CliError {
    /// A refusal with its remedy.
    pub fn refused(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused { problem: problem.into(), hint: hint.into() }
    }

    /// A field of an answer that is missing or impossible.
    pub fn answer(field: impl Into<String>) -> Self {
        Self::Client(ClientError::Answer { field: field.into() })
    }

    /// Whether a daemon went away in the midst of it, so that asking again is worth a try.
    pub fn is_worth_repeating(&self) -> bool {
        match self {
            Self::Client(error) | Self::Daemon(DaemonError::Client(error)) => error.is_lost_call(),
            // Somebody ended it while it began: nothing was asked of it yet.
            Self::Daemon(DaemonError::AgentFailed { .. } | DaemonError::CoordinatorStart { killed: true, .. }) => true,
            _ => false,
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Client(error) => error.hint(),
            Self::Daemon(error) => error.hint(),
            Self::Abandoned { hint, .. } => Some(hint.clone()),
            Self::Refused { hint, .. } => (!hint.is_empty()).then(|| hint.clone()),
            Self::Bundle(BundleError::Read { .. }) => {
                Some("give the path of a scenario file, or write one with `throng init`".to_owned())
            }
            Self::StateDir(_)
            | Self::Bundle(_)
            | Self::File { .. }
            | Self::Terminal { .. }
            | Self::Output(_)
            | Self::Diagnosed => None,
        }
    }

    /// What it means for the exit code.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Client(error) => error.outcome(),
            Self::Daemon(error) => error.outcome(),
            Self::Bundle(_) | Self::Refused { .. } | Self::File { .. } | Self::Diagnosed => Outcome::Usage,
            // Whoever read our output has seen enough.
            Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Outcome::Pass,
            Self::Abandoned { outcome, .. } => *outcome,
            Self::StateDir(_) | Self::Output(_) | Self::Terminal { .. } => Outcome::Environment,
        }
    }

    /// Whether it is worth a line: not where the reader of stdout left, nor where all was said.
    pub fn is_silent(&self) -> bool {
        match self {
            Self::Output(error) => error.kind() == std::io::ErrorKind::BrokenPipe,
            Self::Diagnosed => true,
            Self::Client(_)
            | Self::Daemon(_)
            | Self::StateDir(_)
            | Self::Bundle(_)
            | Self::Refused { .. }
            | Self::Abandoned { .. }
            | Self::File { .. }
            | Self::Terminal { .. } => false,
        }
    }
}
