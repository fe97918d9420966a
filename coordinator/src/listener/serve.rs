//! Listening, and serving what arrives.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use throng_common::ids::FleetId;
use throng_proto::transport::{CANCELLED_CALLS_MAX, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;

use super::accept::{API_CONNECTIONS_MAX, Hall};
use super::{ListenerError, port, unix};
use crate::authz::{AuthzLayer, OperatorBook};
use crate::fleet::Fleet;
use crate::paths::StateDir;
use crate::pki::ServerTls;
use crate::store::Store;

/// Accepted connections that wait for the server to take them.
const QUEUE_MAX_CONNECTIONS: usize = 64;

/// How long calls under way may take to end at shutdown. Streams that follow something never end by themselves.
const DRAIN_DEADLINE: Duration = Duration::from_secs(3);

/// The port and the socket, bound but not served yet.
#[derive(Debug)]
pub struct Listener {
    tls: TcpListener,
    unix: UnixListener,
    address: SocketAddr,
}

/// What arriving connections need.
#[derive(Debug)]
pub struct Served {
    /// TLS settings.
    pub tls: ServerTls,
    /// Certificates must be of this fleet.
    pub fleet_id: FleetId,
    /// Takes agents' connections.
    pub fleet: Fleet,
    /// Knows the hosts that may connect.
    pub store: Store,
    /// Whether hosts that the store does not know may connect all the same, by their certificates: it was begun anew.
    pub readmits_hosts: bool,
    /// Knows the operators and viewers that may call.
    pub operators: OperatorBook,
}

impl Listener {
    /// Binds the TLS port (`--listen`; none: 127.0.0.1 and the kept port) and the unix socket. The state directory must
    /// exist and be locked.
    pub fn bind(state: &StateDir, listen: Option<SocketAddr>) -> Result<Self, ListenerError> {
        let tls = port::bind(state, listen)?;
        let failed = |source| ListenerError::PortFile { operation: "use", path: state.port(), source };
        let address = tls.local_addr().map_err(failed)?;
        Ok(Self { tls, unix: unix::bind(state)?, address })
    }

    /// Where agents and remote operators connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is cancelled, then gives calls under way three seconds. `routes` are all services of the
    /// API; every request passes the table of [`crate::authz`] first.
    pub async fn serve(self, served: Served, routes: Routes, shutdown: CancellationToken) -> Result<(), ListenerError> {
        let (api, arrived) = mpsc::channel(QUEUE_MAX_CONNECTIONS);
        let api_places = Arc::new(Semaphore::new(API_CONNECTIONS_MAX));
        let operators = served.operators.clone();
        let hall = Hall { served: Arc::new(served), api, api_places, shutdown: shutdown.clone() };
        let accepting = async move {
            tokio::join!(hall.clone().accept_tls(self.tls), hall.accept_unix(self.unix));
            // Both ended because of the shutdown; the server ends by itself now.
            std::future::pending::<()>().await;
        };
        let incoming = ReceiverStream::new(arrived).map(Ok::<_, io::Error>);
        let server = server(operators).add_routes(routes);
        let serving = server.serve_with_incoming_shutdown(incoming, shutdown.clone().cancelled_owned());
        let drained = async {
            shutdown.cancelled().await;
            tokio::time::sleep(DRAIN_DEADLINE).await;
        };
        // Whichever ends first ends it all: accepting never does, and what the drain cuts short is meant to be.
        tokio::select! {
            served = serving => Ok(served?),
            () = accepting => Ok(()),
            () = drained => Ok(()),
        }
    }
}

fn server(operators: OperatorBook) -> Server<tower::layer::util::Stack<AuthzLayer, tower::layer::util::Identity>> {
    Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .http2_max_pending_accept_reset_streams(Some(CANCELLED_CALLS_MAX))
        .http2_max_local_error_reset_streams(Some(CANCELLED_CALLS_MAX))
        .layer(AuthzLayer::new(operators))
}
