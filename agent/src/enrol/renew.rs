//! Renewal: a new key and certificate long before the old one ends.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::KeyPair;
use throng_common::backoff::Backoff;
use throng_common::status::UnixMillis;
use throng_proto::operator::JoinRequest;
use throng_proto::transport::ALPN_API;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::join::{ask, certificate_request, identity};
use super::{EnrolError, Identity, IdentityStore};

/// The clock is looked at so often: a machine that slept, or whose clock was set, must not miss the time.
const CLOCK_CHECK_INTERVAL: Duration = Duration::from_mins(5);

/// Between tries that failed; half the certificate's life is left for them.
const RETRY: Backoff = Backoff { base: Duration::from_secs(5), cap: Duration::from_mins(5) };

/// A new certificate for a host that has one which is still valid.
pub async fn renew(old: &Identity) -> Result<Identity, EnrolError> {
    let key = KeyPair::generate().map_err(EnrolError::Request)?;
    let request =
        JoinRequest { token: String::new(), certificate_request: certificate_request(&key)?, hostname: String::new() };
    let reply = ask(old.coordinator(), old.client_config(ALPN_API)?, request).await?;
    identity(old.coordinator(), old.ca_der_hex.clone(), &key, reply)
}

/// Renews at half-life, writes what it got and publishes it for the next dial, until `shutdown` is cancelled.
pub async fn keep_renewed(store: &IdentityStore, current: &watch::Sender<Arc<Identity>>, shutdown: &CancellationToken) {
    let mut failures = 0;
    while !shutdown.is_cancelled() {
        let old = current.borrow().clone();
        let due_in = old.renew_at().since(now());
        let wait = if due_in.is_zero() {
            match renew(&old).await.and_then(|new| store.save(&new).map(|()| new)) {
                Ok(new) => {
                    tracing::info!(expires_unix_millis = new.expires().0, "certificate renewed");
                    current.send_replace(Arc::new(new));
                    failures = 0;
                    Duration::ZERO
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "cannot renew the certificate");
                    failures += 1;
                    RETRY.wait(failures, rand::random())
                }
            }
        } else {
            due_in.min(CLOCK_CHECK_INTERVAL)
        };
        // A sleep may be dropped.
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
