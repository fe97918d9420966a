//! Dialling the coordinator: TCP, then TLS 1.3 with the agent's certificate, then the agreement on the protocol.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use rustls_pki_types::ServerName;
use throng_proto::transport::{ALPN_AGENT, SERVER_NAME, TCP_USER_TIMEOUT};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;

use super::{Connect, LinkError};
use crate::enrol::Identity;

/// How long a connection may take from its first packet to the end of the TLS handshake.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// Dials with the newest identity there is.
#[derive(Debug, Clone)]
pub struct TlsDialer {
    identity: watch::Receiver<Arc<Identity>>,
}

impl TlsDialer {
    /// Dials with what `identity` holds at the time.
    pub fn new(identity: watch::Receiver<Arc<Identity>>) -> Self {
        Self { identity }
    }
}

impl Connect for TlsDialer {
    type Io = TlsStream<TcpStream>;

    async fn connect(&self) -> Result<Self::Io, LinkError> {
        let identity = self.identity.borrow().clone();
        let config = identity.client_config(ALPN_AGENT).map_err(LinkError::Identity)?;
        dial(identity.coordinator(), config, ALPN_AGENT).await
    }
}

/// One connection to a coordinator with these TLS settings, on which both ends agreed on `alpn`.
pub(crate) async fn dial(address: &str, config: ClientConfig, alpn: &[u8]) -> Result<TlsStream<TcpStream>, LinkError> {
    let owned = || address.to_owned();
    let connected = tokio::time::timeout(CONNECT_DEADLINE, async {
        let tcp = connect_tcp(address).await?;
        let name = ServerName::try_from(SERVER_NAME).expect("the fixed name is a DNS name");
        let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp);
        tls.await.map_err(|source| LinkError::Handshake { address: owned(), source })
    });
    let timed_out = |_| LinkError::TimedOut { address: owned(), seconds: CONNECT_DEADLINE.as_secs() };
    let stream = connected.await.map_err(timed_out)??;
    if stream.get_ref().1.alpn_protocol() == Some(alpn) {
        return Ok(stream);
    }
    Err(LinkError::Alpn { address: owned(), wanted: String::from_utf8_lossy(alpn).into_owned() })
}

async fn connect_tcp(address: &str) -> Result<TcpStream, LinkError> {
    let failed = |source| LinkError::Connect { address: address.to_owned(), source };
    let addresses = tokio::net::lookup_host(address)
        .await
        .map_err(|source| LinkError::Resolve { address: address.to_owned(), source })?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
    for candidate in addresses {
        match TcpStream::connect(candidate).await {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(failed)?;
                let timeout_millis = u32::try_from(TCP_USER_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
                setsockopt(&stream, sockopt::TcpUserTimeout, &timeout_millis).map_err(|errno| failed(errno.into()))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}
