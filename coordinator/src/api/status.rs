//! Errors as statuses: one exhaustive place.

use throng_common::error_chain::chain;
use throng_proto::outcome::refusal;
use tonic::{Code, Status};

use crate::core::CoreError;
use crate::fleet::FleetError;
use crate::rollout::RolloutError;

/// A request that is wrong, with the field's name.
pub(super) fn invalid(field: &str, error: impl std::fmt::Display) -> Status {
    Status::invalid_argument(format!("{field}: {error}"))
}

pub(super) fn of_core(error: CoreError) -> Status {
    let text = chain(&error);
    match error {
        CoreError::NoCluster(_) | CoreError::NoneUp | CoreError::Unknown(_) => Status::not_found(text),
        CoreError::Several(_) => Status::failed_precondition(text),
        CoreError::Fleet(error) => of_fleet(&error),
        CoreError::Store(_) | CoreError::Record { .. } | CoreError::Render(_) => Status::internal(text),
    }
}

pub(super) fn of_fleet(error: &FleetError) -> Status {
    Status::new(error.code(), chain(error))
}

pub(super) fn of_rollout(error: RolloutError) -> Status {
    let code = match error {
        RolloutError::Core(error) => return of_core(error),
        RolloutError::Scenario(_) | RolloutError::Suite(_) | RolloutError::Count(_) => Code::InvalidArgument,
        RolloutError::Refused(_)
        | RolloutError::Target(_)
        | RolloutError::Away(_)
        | RolloutError::HostAway { .. }
        | RolloutError::Quorum { .. }
        | RolloutError::NotUp { .. }
        | RolloutError::NotGone { .. }
        | RolloutError::Stopped { .. }
        | RolloutError::Restless { .. }
        | RolloutError::Busy(_)
        | RolloutError::NoHost => Code::FailedPrecondition,
        RolloutError::Interrupted | RolloutError::Halted { .. } => Code::Cancelled,
        RolloutError::Image(_)
        | RolloutError::Bundle(_)
        | RolloutError::Folder(_)
        | RolloutError::LeftOff
        | RolloutError::Fault(_)
        | RolloutError::OnItsWayDown => Code::Internal,
    };
    refusal(code, error.text(), error.outcome())
}

pub(super) fn of_store(error: crate::store::StoreError) -> Status {
    of_core(CoreError::Store(error))
}
