//! Hosts that go away and come back: whoever can wait for one does, for a bounded time.

use std::time::Duration;

use throng_common::ids::HostId;
use tokio::time::{Instant, sleep};
use tonic::Code;

use super::{Fleet, FleetError};

/// How long a host may be away before whoever waits for it gives it up: an agent that a service manager starts again is
/// back within seconds, one that a person has to start within a minute.
pub const HOST_AWAY_MAX: Duration = Duration::from_secs(60);

/// How long a host may take to be back before it is asked for the first time: agents dial again within 5 s.
const BACK_MAX: Duration = Duration::from_secs(10);

/// Between two tries: a link that broke may still be in the registry for a moment.
const TRY_AGAIN_WAIT: Duration = Duration::from_millis(100);

/// How long a host's engine may be silent before what is asked of it is not known. One that is restarted is back within
/// that.
const ENGINE_SILENT_MAX: Duration = Duration::from_secs(15);

/// The wait before it is asked again.
const ENGINE_AGAIN_WAIT: Duration = Duration::from_millis(500);

impl Fleet {
    /// Waits a moment for a host that just dials again: for calls that cannot be made twice, before they are made. Of one
    /// that does not come the call itself says so.
    pub async fn await_back(&self, host: &HostId) {
        let _ = self.wait_connected(host, BACK_MAX).await;
    }

    /// Makes a call that may be made again, until it is answered: once more whenever the host has come back. One that
    /// stays away for longer than [`HOST_AWAY_MAX`] is the error.
    pub async fn patiently<T, C>(&self, host: &HostId, mut call: impl FnMut() -> C) -> Result<T, FleetError>
    where
        C: Future<Output = Result<T, FleetError>>,
    {
        let mut deadline = None;
        loop {
            let error = match call().await {
                Err(error) if error.is_away() => error,
                answered => return answered,
            };
            let now = Instant::now();
            let until = *deadline.get_or_insert(now + HOST_AWAY_MAX);
            if now >= until {
                return Err(error);
            }
            tracing::info!(%host, error = %error, "waiting for the host to come back");
            self.wait_connected(host, until - now).await?;
            sleep(TRY_AGAIN_WAIT).await;
        }
    }

    /// The same of a call for which the host's container engine is asked: one that has no answer is asked again. One that
    /// is silent for longer than [`ENGINE_SILENT_MAX`] is the error.
    pub async fn patiently_with_engine<T, C>(&self, host: &HostId, mut call: impl FnMut() -> C) -> Result<T, FleetError>
    where
        C: Future<Output = Result<T, FleetError>>,
    {
        let began = Instant::now();
        loop {
            match self.patiently(host, &mut call).await {
                Err(FleetError::Answered { code: Code::Unavailable, .. }) if began.elapsed() < ENGINE_SILENT_MAX => {
                    sleep(ENGINE_AGAIN_WAIT).await;
                }
                answered => return answered,
            }
        }
    }
}
