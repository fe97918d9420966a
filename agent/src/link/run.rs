//! Dialling, serving, and dialling again.

use std::time::Duration;

use throng_common::backoff::Backoff;
use throng_common::error_chain::chain;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use super::{LinkError, ServeEnd, serve};

/// Between tries: a coordinator that restarts is found again within a second or so, and 1,000 agents do not all dial
/// it at once.
pub const RECONNECT: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(5) };

/// A connection that lasted so long was a good one: the next try begins anew with the shortest wait. One that is closed
/// at once (a certificate that is refused shows only then) is not.
const GOOD_CONNECTION: Duration = Duration::from_secs(5);

/// How a connection to the coordinator is made.
pub trait Connect: Send + Sync {
    /// What it is made of.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Makes one connection. May be dropped at any time.
    fn connect(&self) -> impl Future<Output = Result<Self::Io, LinkError>> + Send;
}

/// Where the link stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkStatus {
    /// A connection is being made, or waited for.
    Connecting {
        /// Tries since the last good connection.
        attempt: u32,
        /// Why there is none; empty before the first try.
        problem: String,
    },
    /// The coordinator can call.
    Connected,
    /// The agent shuts down.
    Closed,
}

/// Keeps a connection to the coordinator until `shutdown` is cancelled. `routes` is asked for what is served on each
/// connection; `status` says where it stands.
pub async fn run<C: Connect>(
    connector: &C,
    routes: impl Fn() -> Routes,
    shutdown: &CancellationToken,
    status: &watch::Sender<LinkStatus>,
) {
    let mut attempt = 0;
    status.send_replace(LinkStatus::Connecting { attempt, problem: String::new() });
    while !shutdown.is_cancelled() {
        // `connect` may be dropped; cancellation ends the loop.
        let connected = tokio::select! {
            connected = connector.connect() => connected,
            () = shutdown.cancelled() => break,
        };
        let problem = match connected {
            Ok(io) => {
                status.send_replace(LinkStatus::Connected);
                let since = Instant::now();
                let ServeEnd::Closed(reason) = serve(io, routes(), shutdown).await else { break };
                tracing::warn!(reason, "connection to the coordinator ended");
                if since.elapsed() >= GOOD_CONNECTION {
                    attempt = 0;
                }
                reason
            }
            Err(error) => {
                let problem = chain(&error);
                log_failure(attempt, &problem);
                problem
            }
        };
        let wait = RECONNECT.wait(attempt, rand::random());
        attempt = attempt.saturating_add(1);
        status.send_replace(LinkStatus::Connecting { attempt, problem });
        // A sleep may be dropped.
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shutdown.cancelled() => {}
        }
    }
    status.send_replace(LinkStatus::Closed);
}

/// The first failure and then ever fewer are worth a line: an agent may wait for days.
fn log_failure(attempt: u32, problem: &str) {
    if attempt.is_power_of_two() || attempt == 0 {
        tracing::warn!(attempt, problem, "no connection to the coordinator");
    }
}
