//! Why a daemon could not be started or ended.

use std::path::PathBuf;
use std::process::ExitStatus;

use throng_common::verdict::Outcome;

use super::agent_program::BUILD_COMMAND;
use crate::client::error::ClientError;
use crate::paths::StateDirError;

/// Why a daemon could not be started or ended.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The state directory could not be made.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// A call to the coordinator failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The log of the coordinator cannot be written.
    #[error("the coordinator's log {} cannot be opened", path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A program could not be started.
    #[error("{program} could not be started")]
    Spawn {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// The coordinator did not begin to answer.
    #[error("the coordinator did not start: {problem}; the end of {}:\n{tail}", log.display())]
    CoordinatorStart {
        /// What it did instead.
        problem: String,
        /// Whether a signal ended it.
        killed: bool,
        /// Its log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// The coordinator did not end.
    #[error("the coordinator still answers {seconds} s after it was asked to end")]
    CoordinatorStop {
        /// How long was waited.
        seconds: u64,
    },
    /// The agent did not end.
    #[error("this machine's agent still runs {seconds} s after it was asked to end")]
    AgentStop {
        /// How long was waited.
        seconds: u64,
    },
    /// There is no agent's program.
    #[error("there is no throng-agent: looked for {looked_for}")]
    AgentMissing {
        /// The paths.
        looked_for: String,
    },
    /// The agent's program is of another build.
    #[error("{} is build {agent}, and this throng is build {throng}", path.display())]
    AgentBuild {
        /// The program.
        path: PathBuf,
        /// What it says of itself.
        agent: String,
        /// What this program is.
        throng: &'static str,
    },
    /// The agent's program ended with an error.
    #[error("`throng-agent {command}` failed ({status}){detail}")]
    AgentFailed {
        /// The subcommand.
        command: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// What it said, where that was not on the terminal already.
        detail: String,
    },
    /// The agent's program said something that cannot be read.
    #[error("`throng-agent {command}` said something that this throng does not understand")]
    Unreadable {
        /// The subcommand.
        command: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The agent did not connect, or not in time.
    #[error("this machine's agent is not connected {seconds} s after its start")]
    AgentConnect {
        /// How long was waited.
        seconds: u64,
    },
}

impl DaemonError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Client(error) => error.hint(),
            Self::StateDir(_) => None,
            Self::Log { .. } => Some("give another folder with --state-dir".to_owned()),
            Self::Spawn { program, .. } if program == "sudo" => {
                Some("the agent needs root: install sudo, or run this as root".to_owned())
            }
            Self::Spawn { .. } | Self::AgentMissing { .. } | Self::AgentBuild { .. } => {
                Some(format!("build it with `{BUILD_COMMAND}`, or name it with --agent or THRONG_AGENT"))
            }
            Self::CoordinatorStart { .. } => Some("`throng serve` shows it in the foreground".to_owned()),
            Self::CoordinatorStop { .. } => Some("`throng status` shows what it still does".to_owned()),
            Self::AgentStop { .. } => Some("its log lies in its state directory, /var/lib/throng-agent".to_owned()),
            Self::AgentFailed { .. } | Self::AgentConnect { .. } => {
                Some("`throng doctor` says what this machine lacks".to_owned())
            }
            Self::Unreadable { .. } => Some(format!("it may be of another build: `{BUILD_COMMAND}`")),
        }
    }

    /// What it means for the exit code.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Client(error) => error.outcome(),
            Self::StateDir(_) | Self::AgentMissing { .. } | Self::AgentBuild { .. } => Outcome::Usage,
            Self::Log { .. }
            | Self::Spawn { .. }
            | Self::CoordinatorStart { .. }
            | Self::CoordinatorStop { .. }
            | Self::AgentStop { .. }
            | Self::AgentFailed { .. }
            | Self::Unreadable { .. }
            | Self::AgentConnect { .. } => Outcome::Quorum,
        }
    }
}
