//! What a call to a host can end with. The transport's own statuses stop here: each error names the host.

use std::fmt;
use std::time::Duration;

use throng_common::ids::HostId;
use throng_proto::convert::DecodeError;
use tonic::{Code, Status};

/// Why a host is not connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DisconnectReason {
    /// It has not connected since this coordinator started.
    NeverConnected,
    /// Its agent closed the connection.
    ClosedByAgent,
    /// It did not answer pings: the host hangs, or the network drops what is sent.
    KeepAliveTimedOut,
    /// The connection ended without a word.
    CutOff,
    /// The connection broke otherwise.
    Broken(String),
    /// A newer connection of the same host took its place.
    Superseded,
    /// The coordinator closed it.
    ClosedHere,
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverConnected => f.write_str("its agent has not connected since the coordinator started"),
            Self::ClosedByAgent => f.write_str("its agent closed the connection"),
            Self::KeepAliveTimedOut => f.write_str("its agent no longer answers"),
            Self::CutOff => f.write_str("its connection was cut off: its agent died, or the network in between failed"),
            Self::Broken(error) => write!(f, "the connection broke: {error}"),
            Self::Superseded => f.write_str("a newer connection took its place"),
            Self::ClosedHere => f.write_str("the coordinator closed the connection"),
        }
    }
}

/// Why a call to a host has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FleetError {
    /// There is no connection.
    #[error("host {host} is not connected: {reason}")]
    NotConnected {
        /// The host.
        host: HostId,
        /// Why.
        reason: DisconnectReason,
    },
    /// The connection ended before the answer came; whether the call took effect is not known.
    #[error("lost host {host} during the call: {reason}")]
    Lost {
        /// The host.
        host: HostId,
        /// Why.
        reason: DisconnectReason,
    },
    /// No answer in time; whether the call took effect is not known.
    #[error("host {host} did not answer within {}", throng_common::span::Span::from(*deadline))]
    DeadlineExceeded {
        /// The host.
        host: HostId,
        /// How long was waited.
        deadline: Duration,
    },
    /// The agent refused, or failed.
    #[error("host {host}: {message}")]
    Answered {
        /// The host.
        host: HostId,
        /// In which way.
        code: Code,
        /// In the agent's words.
        message: String,
    },
    /// The agent is of another version.
    #[error(
        "the agent of host {host} speaks version {theirs} of the protocol, this coordinator {ours}; install the \
             same release on both"
    )]
    Incompatible {
        /// The host.
        host: HostId,
        /// The agent's version.
        theirs: u32,
        /// Ours.
        ours: u32,
    },
    /// The agent's answer cannot be understood.
    #[error("the answer of host {host} cannot be read")]
    Decode {
        /// The host.
        host: HostId,
        /// The cause.
        #[source]
        source: DecodeError,
    },
}

impl FleetError {
    /// The gRPC code that says the same to a caller of the coordinator.
    pub fn code(&self) -> Code {
        match self {
            Self::NotConnected { .. } | Self::Lost { .. } => Code::Unavailable,
            Self::DeadlineExceeded { .. } => Code::DeadlineExceeded,
            Self::Answered { code, .. } => *code,
            Self::Incompatible { .. } => Code::FailedPrecondition,
            Self::Decode { .. } => Code::Internal,
        }
    }

    /// Whether the host is or was away: what it was asked for may be asked again once it is back.
    pub fn is_away(&self) -> bool {
        match self {
            Self::NotConnected { .. } | Self::Lost { .. } => true,
            Self::DeadlineExceeded { .. } | Self::Answered { .. } | Self::Incompatible { .. } | Self::Decode { .. } => {
                false
            }
        }
    }

    /// The host.
    pub fn host(&self) -> &HostId {
        match self {
            Self::NotConnected { host, .. }
            | Self::Lost { host, .. }
            | Self::DeadlineExceeded { host, .. }
            | Self::Answered { host, .. }
            | Self::Incompatible { host, .. }
            | Self::Decode { host, .. } => host,
        }
    }
}

/// What a status is, once it is known where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The transport failed; the text is its own.
    Transport(String),
    /// The deadline that went with the call passed in the agent.
    Deadline,
    /// The agent's answer.
    Answer,
}

/// What this status means. Measured: a deadline enforced by the other end comes as CANCELLED "Timeout expired", a
/// connection that is already closed as UNKNOWN "Service was not ready", and only the transport's own have a source.
pub(super) fn meaning(status: &Status) -> Meaning {
    use std::error::Error as _;
    let (code, text) = (status.code(), status.message());
    if code == Code::DeadlineExceeded || (code == Code::Cancelled && text == "Timeout expired") {
        return Meaning::Deadline;
    }
    if status.source().is_some() || (code == Code::Unknown && text.starts_with("Service was not ready")) {
        return Meaning::Transport(text.to_owned());
    }
    Meaning::Answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_s_end_is_told_from_a_cancellation() {
        assert_eq!(meaning(&Status::cancelled("Timeout expired")), Meaning::Deadline);
        assert_eq!(meaning(&Status::deadline_exceeded("x")), Meaning::Deadline);
        assert_eq!(meaning(&Status::cancelled("operator")), Meaning::Answer);
    }

    #[test]
    fn the_transport_s_failures_are_told_from_the_agent_s() {
        let broken = Status::from_error(Box::new(std::io::Error::other("reset")));
        assert!(matches!(meaning(&broken), Meaning::Transport(_)));
        let closed = Status::unknown("Service was not ready: channel closed");
        assert!(matches!(meaning(&closed), Meaning::Transport(_)));
        assert_eq!(meaning(&Status::unavailable("engine is down")), Meaning::Answer);
        assert_eq!(meaning(&Status::unknown("odd")), Meaning::Answer);
    }
}
