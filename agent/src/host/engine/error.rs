//! Why the engine did not do what it was asked.

use std::time::Duration;

/// The cause as the SDK gave it, for the printed chain only: nothing is decided by its text.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a call of the engine failed. Told apart by the engine's status codes, never by its words.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no engine's socket on this host.
    #[error("no container engine found: none of {tried} exists; install docker.io and start it, or set DOCKER_HOST")]
    NoSocket {
        /// The sockets looked for.
        tried: String,
    },
    /// `DOCKER_HOST` names something other than a unix socket.
    #[error("DOCKER_HOST is `{value}`: throng needs an engine of this very host, as unix:///path/to/docker.sock")]
    NotLocal {
        /// Its value.
        value: String,
    },
    /// The engine cannot be spoken to: what became of the call is unknown.
    #[error("{operation} {subject}: the container engine cannot be reached; see `systemctl status docker`")]
    Unreachable {
        /// What was asked.
        operation: &'static str,
        /// Of what.
        subject: String,
        /// The transport's error.
        source: Cause,
    },
    /// The engine did not answer in time: what became of the call is unknown.
    #[error(
        "{operation} {subject}: the container engine has not answered for {after:?}; if this stays, it is wedged: restart it"
    )]
    Hung {
        /// What was asked.
        operation: &'static str,
        /// Of what.
        subject: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The engine answered a question with an error of its own: what was asked is not known.
    #[error("{operation} {subject}: the container engine has no answer: {message}")]
    NoAnswer {
        /// What was asked.
        operation: &'static str,
        /// Of what.
        subject: String,
        /// The engine's words.
        message: String,
    },
    /// The engine does not know the container, exec or image (404).
    #[error("{operation} {subject}: not found by the engine: {message}")]
    NotFound {
        /// What was asked.
        operation: &'static str,
        /// Of what.
        subject: String,
        /// The engine's words.
        message: String,
    },
    /// The state of the container or its name stands against it (409).
    #[error("{operation} {subject}: in conflict with what is there: {message}")]
    Conflict {
        /// What was asked.
        operation: &'static str,
        /// Of what.
        subject: String,
        /// The engine's words.
        message: String,
    },
    /// The engine refused.
    #[error("{operation} {subject}: refused by the engine: {message}")]
    Refused {
        /// What was asked.
        operation: &'static str,
        /// Of what.
        subject: String,
        /// The HTTP status; none where the refusal came in the midst of a stream.
        status: Option<u16>,
        /// The engine's words.
        message: String,
    },
    /// The engine's answer makes no sense.
    #[error("{operation} {subject}: answer of the engine not understood")]
    Garbled {
        /// What was asked.
        operation: &'static str,
        /// Of what.
        subject: String,
        /// What is wrong with it.
        source: Cause,
    },
}

impl EngineError {
    /// Whether nothing can be concluded: the engine is away, hangs or has no answer. Neither "gone" nor "failed".
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::NoSocket { .. }
            | Self::NotLocal { .. }
            | Self::Unreachable { .. }
            | Self::Hung { .. }
            | Self::NoAnswer { .. } => true,
            Self::NotFound { .. } | Self::Conflict { .. } | Self::Refused { .. } | Self::Garbled { .. } => false,
        }
    }

    /// Whether the engine took the call and did not answer it in time.
    pub fn is_hung(&self) -> bool {
        matches!(self, Self::Hung { .. })
    }

    /// Whether the engine answered that it does not know the subject.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Whether the engine found something of its own in the way. containerd tells that in words only: "task … already
    /// exists", "mkdir …: file exists".
    pub fn is_in_its_own_way(&self) -> bool {
        let (Self::Refused { message, .. } | Self::Conflict { message, .. }) = self else { return false };
        message.contains("exists")
    }

    /// Whether the engine answered that something stands against it.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }
}

/// The result of a call of the engine.
pub type EngineResult<T> = Result<T, EngineError>;
