//! Why a call failed, as one clear line with a hint, and what that means for the exit code.

use std::path::PathBuf;

use throng_common::verdict::Outcome;
use throng_proto::outcome::outcome_of;
use tonic::{Code, Status};

use super::tls_fault::TlsFault;

/// Between a status's message and the remedy that the coordinator gives.
pub const HINT_MARK: &str = "\nhint: ";

/// Why a coordinator could not be called.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("no coordinator runs: nobody answers on {}", socket.display())]
    NoCoordinator {
        /// The socket.
        socket: PathBuf,
    },
    /// The socket is there and cannot be used.
    #[error("the coordinator's socket {} cannot be used", socket.display())]
    Socket {
        /// The socket.
        socket: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A certificate or key cannot be read.
    #[error("{} cannot be read", path.display())]
    CertificateFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} is no {what} in PEM", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// "certificate", "private key".
        what: &'static str,
    },
    /// The caller's own certificate is not valid now.
    #[error("the certificate {} is valid from {from} to {to}, and not now", path.display())]
    OwnCertificate {
        /// The file.
        path: PathBuf,
        /// Its begin.
        from: String,
        /// Its end.
        to: String,
    },
    /// Nobody listens there.
    #[error("nobody answers at {address}")]
    NobodyThere {
        /// Where.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// The two do not accept each other's certificates.
    #[error("no connection to the coordinator at {address}: {}", fault.problem())]
    Tls {
        /// Where.
        address: String,
        /// What is wrong with whose.
        fault: TlsFault,
    },
    /// Something answers there, and breaks off.
    #[error("what answers at {address} is no coordinator, or broke off")]
    Broken {
        /// Where.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// No connection came about.
    #[error("no connection to the coordinator at {address}")]
    Connect {
        /// Where.
        address: String,
        /// Why.
        source: tonic::transport::Error,
    },
    /// The coordinator refused, or the call broke off.
    #[error("{}", message(status))]
    Call {
        /// What came back.
        status: Box<Status>,
    },
    /// An answer lacks something or holds something impossible.
    #[error("the coordinator's answer is wrong: {field}")]
    Answer {
        /// The field's path and what is wrong with it.
        field: String,
    },
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        Self::Call { status: Box::new(status) }
    }
}

impl ClientError {
    /// Whether the coordinator does not know what it was asked for.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Call { status } if status.code() == Code::NotFound)
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoCoordinator { .. } => {
                Some("`throng up FILE` or `throng run FILE` starts one, `throng serve` too".to_owned())
            }
            Self::Socket { .. } => Some("the socket admits the user who started the coordinator, and root".to_owned()),
            Self::CertificateFile { .. } | Self::NotPem { .. } => {
                Some("`throng operator add NAME` writes the three files that --ca, --cert and --key ask for".to_owned())
            }
            Self::OwnCertificate { .. } => {
                Some("`throng operator add NAME` on the coordinator's machine makes another".to_owned())
            }
            Self::NobodyThere { .. } => Some(
                "`throng status` on the coordinator's machine shows its address; for other machines it must be told to \
                 listen: `throng serve --listen ADDRESS:PORT`"
                    .to_owned(),
            ),
            Self::Tls { fault, .. } => Some(fault.hint().to_owned()),
            Self::Connect { .. } | Self::Broken { .. } => {
                Some("see whether it runs, and whether address and certificates belong to it".to_owned())
            }
            Self::Call { status } => call_hint(status),
            Self::Answer { .. } => {
                Some("coordinator and command line may be of different builds: `throng stop`, then again".to_owned())
            }
        }
    }

    /// Whether the coordinator went away during a call: what became of that is not known.
    pub fn is_lost_call(&self) -> bool {
        matches!(self, Self::Call { .. }) && self.is_lost_connection()
    }

    /// What it means for the exit code.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::NoCoordinator { .. }
            | Self::Socket { .. }
            | Self::CertificateFile { .. }
            | Self::NotPem { .. }
            | Self::OwnCertificate { .. }
            | Self::Tls { .. } => Outcome::Usage,
            Self::Connect { .. } | Self::NobodyThere { .. } | Self::Broken { .. } => Outcome::Quorum,
            Self::Answer { .. } => Outcome::Environment,
            Self::Call { status } if TlsFault::of(&**status).is_some() => Outcome::Usage,
            Self::Call { status } => outcome_of(status).unwrap_or_else(|| match status.code() {
                Code::InvalidArgument
                | Code::NotFound
                | Code::AlreadyExists
                | Code::PermissionDenied
                | Code::Unauthenticated
                | Code::FailedPrecondition
                | Code::OutOfRange
                | Code::Unimplemented => Outcome::Usage,
                Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted => Outcome::Quorum,
                Code::Cancelled => Outcome::Interrupted,
                Code::Ok | Code::Unknown | Code::Aborted | Code::Internal | Code::DataLoss => Outcome::Environment,
            }),
        }
    }

    /// Whether trying again may help: the coordinator went away during the call.
    pub fn is_lost_connection(&self) -> bool {
        match self {
            // What is wrong with a certificate is wrong the next time, too.
            Self::Call { status } if TlsFault::of(&**status).is_some() => false,
            Self::Call { status } => match status.code() {
                Code::Unavailable => true,
                // A stream that breaks off in the middle ends in "unknown" with hyper's error as its source.
                Code::Unknown => std::error::Error::source(&**status).is_some(),
                _ => false,
            },
            Self::NoCoordinator { .. } | Self::Connect { .. } | Self::NobodyThere { .. } | Self::Broken { .. } => true,
            Self::Socket { .. }
            | Self::CertificateFile { .. }
            | Self::NotPem { .. }
            | Self::OwnCertificate { .. }
            | Self::Tls { .. }
            | Self::Answer { .. } => false,
        }
    }
}

fn message(status: &Status) -> String {
    if let Some(fault) = TlsFault::of(status) {
        return fault.problem().to_owned();
    }
    let text = status.message().split(HINT_MARK).next().unwrap_or_default();
    match (status.code(), text) {
        (Code::Unknown, text) if std::error::Error::source(status).is_some() => {
            format!("the coordinator went away during the call: {text}")
        }
        (Code::Unavailable, text) => format!("the coordinator does not answer: {text}"),
        (Code::PermissionDenied, "") => "the coordinator does not allow this".to_owned(),
        (Code::Unimplemented, _) => "the coordinator does not know this call".to_owned(),
        (code, "") => format!("the coordinator answered: {code}"),
        (_, text) => text.to_owned(),
    }
}

fn call_hint(status: &Status) -> Option<String> {
    if let Some((_, hint)) = status.message().split_once(HINT_MARK) {
        return Some(hint.to_owned());
    }
    if let Some(fault) = TlsFault::of(status) {
        return Some(fault.hint().to_owned());
    }
    let hint = match status.code() {
        Code::Unavailable => {
            "its log lies in the state directory: see `throng status`, or start it with `throng serve`"
        }
        Code::PermissionDenied => "a viewer may only read: ask for an operator's certificate",
        Code::Unauthenticated => "`throng operator add NAME` on the coordinator's machine makes a certificate",
        Code::Unimplemented => "it is of another build: `throng stop`, then again",
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_the_coordinators_words_and_its_hint() {
        let status = Status::failed_precondition("cluster redis-ab12 is up\nhint: throng down redis-ab12");
        let error = ClientError::from(status);
        assert_eq!(error.to_string(), "cluster redis-ab12 is up");
        assert_eq!(error.hint().as_deref(), Some("throng down redis-ab12"));
        assert_eq!(error.outcome(), Outcome::Usage);
    }

    #[test]
    fn a_coordinator_that_went_away_is_worth_another_try() {
        assert!(ClientError::from(Status::unavailable("broken pipe")).is_lost_connection());
        assert!(!ClientError::from(Status::not_found("no such run")).is_lost_connection());
    }
}
