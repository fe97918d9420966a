//! Which identity the agent begins with: the one that it has, or one that it joins for.

use throng_common::status::UnixMillis;
use throng_failpoints::{Point, hit};

use super::error::AppError;
use super::life::Options;
use crate::clock;
use crate::enrol::{Identity, IdentityStore, Invitation, join};
use crate::ledger::Ledger;

/// What to do about an identity. Decided from what is held and what is wanted.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// It is the right one.
    Keep,
    /// Join: there is none, or one of no use in this same fleet.
    Join,
    /// Join another fleet, and forget what the old one wanted.
    Replace,
}

fn plan(held: Option<&Identity>, options: &Options, now: UnixMillis) -> Step {
    match held {
        Some(held) if held.ca_pin() != Some(options.ca_pin) => Step::Replace,
        Some(held) if held.host() == &options.host && held.expires() > now => Step::Keep,
        Some(_) | None => Step::Join,
    }
}

/// The identity for this coordinator, host and CA; joins with the token where there is none.
pub(super) async fn obtain(options: &Options, ledger: &Ledger, machine: &str) -> Result<Identity, AppError> {
    let store = IdentityStore::new(&options.paths.identity_dir());
    let held = store.load()?;
    let identity = match (plan(held.as_ref(), options, clock::now()), held) {
        (Step::Keep, Some(held)) => held.with_coordinator(options.coordinator.clone()),
        (Step::Replace, Some(held)) => {
            let nodes = ledger.nodes()?.len();
            if nodes > 0 {
                let (fleet, ledger) = (held.fleet().clone(), options.paths.ledger());
                return Err(AppError::OtherFleet { fleet, nodes, ledger });
            }
            let identity = enrol(options, machine, None).await?;
            // Its epochs and generations count from the other fleet's beginning.
            ledger.forget_spec()?;
            tracing::info!(old = %held.fleet(), new = %identity.fleet(), "this host changes its fleet");
            identity
        }
        (Step::Keep | Step::Join | Step::Replace, held) => {
            let ended = held.map(|held| held.expires()).filter(|ended| *ended <= clock::now());
            enrol(options, machine, ended).await?
        }
    };
    if ledger.spec()?.is_some_and(|spec| spec.fleet != *identity.fleet()) {
        ledger.forget_spec()?;
    }
    hit(Point::IdentityObtained);
    store.save(&identity)?;
    hit(Point::IdentitySaved);
    Ok(identity)
}

/// Joins. `ended` is when its former certificate ended, where it had one.
async fn enrol(options: &Options, machine: &str, ended: Option<UnixMillis>) -> Result<Identity, AppError> {
    let missing = || {
        let millis = ended.and_then(|ended| i64::try_from(ended.0).ok());
        match millis.and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok()) {
            Some(ended) => AppError::Ended { ended },
            None => AppError::NoToken,
        }
    };
    let token = options.token.clone().ok_or_else(missing)?;
    let invitation = Invitation { coordinator: options.coordinator.clone(), pin: options.ca_pin, token };
    let identity = join(&invitation, machine).await?;
    if identity.host() != &options.host {
        return Err(AppError::OtherHost { given: identity.host().clone(), wanted: options.host.clone() });
    }
    tracing::info!(fleet = %identity.fleet(), host = %identity.host(), "joined");
    Ok(identity)
}
