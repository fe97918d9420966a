//! Why a call fails, and the one table from that to status codes.

use throng_common::error_chain::chain;
use throng_proto::convert::DecodeError;
use throng_proto::version;
use tokio::task::JoinError;
use tonic::{Code, Status};

use crate::audit::scan::AuditError;
use crate::exec::target::TargetError;
use crate::facts::observe::FactsError;
use crate::host::engine::error::EngineError;
use crate::ledger::LedgerError;
use crate::reconcile::task::ApplyError;
use crate::resources::image::ensure::ImageError;

/// Why a call fails.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServiceError {
    /// The request is malformed.
    #[error(transparent)]
    Request(#[from] DecodeError),
    /// The other end is of another major version.
    #[error(
        "this agent speaks version {own} of the protocol and the coordinator {other}: install the agent of the coordinator's build",
        own = version::MAJOR
    )]
    Version {
        /// Its major version.
        other: u32,
    },
    /// A coordinator's life that is over.
    #[error("this agent has seen epoch {seen}: epoch {given} is of an older life of the coordinator")]
    Epoch {
        /// The highest epoch seen.
        seen: u64,
        /// The epoch that was given.
        given: u64,
    },
    /// The call is for somebody else.
    #[error("this is host {own}, not {given}")]
    OtherHost {
        /// This fleet and host.
        own: String,
        /// The fleet and host that was meant.
        given: String,
    },
    /// The desired state was not taken.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The facts could not be read.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Something could not be done in a node.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// An image could not be imported.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The engine did not answer a question.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Parts of the host could not be read, so that nothing is shown about them.
    #[error("the audit is incomplete: {}", .0.iter().map(|error| chain(error)).collect::<Vec<_>>().join("; "))]
    Audit(Vec<AuditError>),
    /// A listener did not keep up.
    #[error("the watch fell behind: watch again")]
    Behind,
    /// Work of the agent's own broke off.
    #[error("the agent's own work broke off")]
    Broken(#[from] JoinError),
    /// The caller's stream broke off.
    #[error("the caller's stream broke off")]
    Caller(#[source] Box<Status>),
}

impl ServiceError {
    fn code(&self) -> Code {
        match self {
            Self::Request(_) => Code::InvalidArgument,
            Self::Version { .. } | Self::Epoch { .. } | Self::OtherHost { .. } => Code::FailedPrecondition,
            Self::Apply(error) => match error {
                ApplyError::Older { .. } | ApplyError::OtherHost { .. } => Code::FailedPrecondition,
                ApplyError::Ledger(_) => Code::Internal,
                ApplyError::Ending => Code::Unavailable,
            },
            Self::Facts(_) | Self::Ledger(_) | Self::Audit(_) | Self::Broken(_) => Code::Internal,
            Self::Target(error) => match error {
                TargetError::NotRunning
                | TargetError::NoEngine
                | TargetError::CouldNotStart(_)
                | TargetError::NotEntered(_) => Code::FailedPrecondition,
                TargetError::Engine(error) => of_engine(error),
                TargetError::Kernel { source, .. } => of_io(source),
                TargetError::TooLarge { .. } => Code::OutOfRange,
                TargetError::Followed { .. } => Code::ResourceExhausted,
                TargetError::NoEffect { .. } => Code::DeadlineExceeded,
                TargetError::Process(_) => Code::Internal,
            },
            Self::Image(error) => match error {
                ImageError::Engine { source, .. }
                | ImageError::Unknown { source, .. }
                | ImageError::Pull { source, .. } => of_engine(source),
                ImageError::Missing { .. } | ImageError::NotSent { .. } => Code::FailedPrecondition,
            },
            Self::Engine(error) => of_engine(error),
            Self::Behind => Code::ResourceExhausted,
            Self::Caller(_) => Code::Cancelled,
        }
    }
}

fn of_engine(error: &EngineError) -> Code {
    match error {
        EngineError::NoSocket { .. }
        | EngineError::NotLocal { .. }
        | EngineError::Unreachable { .. }
        | EngineError::Hung { .. }
        | EngineError::NoAnswer { .. } => Code::Unavailable,
        EngineError::NotFound { .. } => Code::NotFound,
        EngineError::Conflict { .. } | EngineError::Refused { .. } => Code::FailedPrecondition,
        EngineError::Garbled { .. } => Code::Internal,
    }
}

/// What the kernel said of a file, as a caller understands it.
fn of_io(error: &std::io::Error) -> Code {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::PermissionDenied => Code::PermissionDenied,
        ErrorKind::InvalidInput => Code::InvalidArgument,
        ErrorKind::TimedOut => Code::DeadlineExceeded,
        _ => Code::Internal,
    }
}

impl From<ServiceError> for Status {
    fn from(error: ServiceError) -> Self {
        let hint = match &error {
            ServiceError::Image(image) => image.hint().map(|hint| format!("\nhint: {hint}")),
            ServiceError::Target(target) => target.hint().map(|hint| format!("\nhint: {hint}")),
            _ => None,
        };
        Self::new(error.code(), chain(&error) + &hint.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_large_is_refused_with_its_size_and_what_to_do() {
        let refused =
            |max_bytes| Status::from(ServiceError::from(TargetError::TooLarge { total_bytes: 100 << 20, max_bytes }));
        let (most, less) = (refused(64 << 20), refused(1 << 20));
        assert_eq!((most.code(), less.code()), (Code::OutOfRange, Code::OutOfRange));
        assert_eq!(
            most.message(),
            "the file has 100MiB, at most 64MiB are given\nhint: compress or split it in the node first, with `throng exec`"
        );
        assert!(less.message().ends_with("at most 1MiB are given\nhint: ask for more with --max"), "{less}");
    }
}
