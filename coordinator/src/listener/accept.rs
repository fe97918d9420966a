//! The two accept loops: they only accept, and hand over.

use std::sync::Arc;
use std::time::Duration;

use throng_common::ids::HostId;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::io::ApiIo;
use super::serve::Served;
use super::tls::{Arrival, receive};
use super::unix;
use crate::clock;
use crate::fleet::Fleet;
use crate::store::HostRecord;

/// Handshakes under way at once; those who come later wait in the kernel's queue.
const HANDSHAKES_MAX: usize = 256;

/// How long a handshake may take: a caller who connects and is silent must not keep a place.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// Connections of the API at once; those of agents have no bound but the fleet's.
pub(super) const API_CONNECTIONS_MAX: usize = 1024;

/// After a failed accept, which means that descriptors have run out: time for some to be freed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where accepted connections go.
#[derive(Clone)]
pub(super) struct Hall {
    pub(super) served: Arc<Served>,
    pub(super) api: mpsc::Sender<ApiIo>,
    pub(super) api_places: Arc<Semaphore>,
    pub(super) shutdown: CancellationToken,
}

impl Hall {
    /// Accepts on the TLS port until shutdown.
    pub(super) async fn accept_tls(self, listener: TcpListener) {
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
        loop {
            // Accepting and waiting for a permit may both be dropped: nothing was taken yet.
            let accepted = tokio::select! {
                accepted = async {
                    let permit = handshakes.clone().acquire_owned().await.expect("the semaphore is never closed");
                    listener.accept().await.map(|(tcp, peer)| (tcp, peer, permit))
                } => accepted,
                () = self.shutdown.cancelled() => return,
            };
            match accepted {
                Ok((tcp, peer, permit)) => {
                    let hall = self.clone();
                    self.served.fleet.spawn(async move {
                        let received = receive(tcp, peer, &hall.served.tls, &hall.served.fleet_id);
                        let arrival = tokio::time::timeout(HANDSHAKE_DEADLINE, received).await;
                        drop(permit);
                        match arrival {
                            Ok(Ok(arrival)) => hall.welcome(arrival).await,
                            Ok(Err(refusal)) => {
                                let reason = &refusal as &dyn std::error::Error;
                                tracing::warn!(%peer, reason, "connection refused");
                            }
                            Err(_) => tracing::warn!(%peer, "connection refused: no TLS handshake in time"),
                        }
                    });
                }
                Err(error) => pause(&error).await,
            }
        }
    }

    /// Accepts on the unix socket until shutdown.
    pub(super) async fn accept_unix(self, listener: UnixListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.shutdown.cancelled() => return,
            };
            match accepted {
                Ok((stream, _)) => match unix::caller(&stream) {
                    Ok(Some(caller)) => self.enter(|permit| ApiIo::new(stream, caller, permit)).await,
                    Ok(None) => tracing::warn!("connection to the unix socket refused: neither our user nor root"),
                    Err(error) => tracing::warn!(%error, "connection to the unix socket refused: caller unknown"),
                },
                Err(error) => pause(&error).await,
            }
        }
    }

    async fn welcome(self, arrival: Arrival) {
        match arrival {
            Arrival::Api(caller, stream) => self.enter(|permit| ApiIo::new(*stream, caller, permit)).await,
            Arrival::Agent(host, stream) => {
                match self.served.store.host(host.clone()).await {
                    Ok(Some(_)) => {}
                    Ok(None) if self.served.readmits_hosts => self.readmit(&host).await,
                    Ok(None) => return tracing::warn!(%host, "agent refused: its host was removed from the fleet"),
                    Err(error) => return tracing::error!(%host, %error, "agent refused"),
                }
                if let Err(error) = Fleet::admit(&self.served.fleet, host.clone(), *stream).await {
                    tracing::warn!(%host, error = &error as &dyn std::error::Error, "agent refused");
                }
            }
        }
    }

    /// Takes a host in that the store does not know and whose certificate is good: it had joined before the store was
    /// lost.
    async fn readmit(&self, host: &HostId) {
        let now = clock::now();
        let record = HostRecord {
            host: host.clone(),
            hostname: host.to_string(),
            address: String::new(),
            certificate_serial: String::new(),
            first_seen: now,
            last_enrolled: now,
        };
        match self.served.store.save_host(record).await {
            Ok(()) => tracing::warn!(%host, "a host that the new journal does not know was taken in again"),
            Err(error) => tracing::error!(%host, %error, "a host could not be written to the journal"),
        }
    }

    async fn enter(&self, connection: impl FnOnce(tokio::sync::OwnedSemaphorePermit) -> ApiIo) {
        if let Ok(permit) = self.api_places.clone().try_acquire_owned() {
            // An error means that the server has ended, and the connection with it.
            drop(self.api.send(connection(permit)).await);
        } else {
            tracing::warn!(max = API_CONNECTIONS_MAX, "connection refused: too many callers");
        }
    }
}

async fn pause(error: &std::io::Error) {
    tracing::error!(%error, "cannot accept a connection");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}
