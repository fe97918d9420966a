//! From an address to a client of the operators' API.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use throng_proto::operator::throng_client::ThrongClient;
use throng_proto::transport::SERVER_NAME;
use tokio::net::UnixStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tower::service_fn;

use super::error::ClientError;

/// A client of the operators' API.
pub type Client = ThrongClient<Channel>;

/// How long a connection may take to come about. The socket is local; a remote coordinator is one round trip away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A dead remote peer is noticed within twice this.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// Largest answer that is taken: a report or a cluster of thousands of nodes in one message.
const ANSWER_MAX_BYTES: usize = 64 << 20;
/// Largest request: a scenario with its files.
const REQUEST_MAX_BYTES: usize = 64 << 20;
/// Unused for a unix socket, but an HTTP/2 request needs an authority.
const UNIX_ORIGIN: &str = "http://coordinator.throng";

/// Where a coordinator is.
#[derive(Debug, Clone)]
pub enum Target {
    /// On this machine, at this unix socket.
    Local(PathBuf),
    /// Elsewhere.
    Remote(Remote),
}

/// A coordinator elsewhere, and who calls it.
#[derive(Debug, Clone)]
pub struct Remote {
    /// `https://host:port`.
    pub address: String,
    /// PEM file of the fleet's CA certificate.
    pub ca: PathBuf,
    /// PEM file of the caller's certificate.
    pub certificate: PathBuf,
    /// PEM file of the caller's key.
    pub key: PathBuf,
}

/// Connects. Answers at once when nobody listens.
pub async fn connect(target: &Target) -> Result<Client, ClientError> {
    let channel = match target {
        Target::Local(socket) => local(socket).await?,
        Target::Remote(remote) => elsewhere(remote).await?,
    };
    Ok(ThrongClient::new(channel)
        .max_decoding_message_size(ANSWER_MAX_BYTES)
        .max_encoding_message_size(REQUEST_MAX_BYTES))
}

async fn local(socket: &Path) -> Result<Channel, ClientError> {
    // The first connection is made here, so that "nobody listens" is told from "something else is wrong".
    let first = UnixStream::connect(socket).await.map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => {
            ClientError::NoCoordinator { socket: socket.to_owned() }
        }
        _ => ClientError::Socket { socket: socket.to_owned(), source },
    })?;
    let mut first = Some(first);
    let path = socket.to_owned();
    let connector = service_fn(move |_: http::Uri| {
        let ready = first.take();
        let path = path.clone();
        async move {
            match ready {
                Some(stream) => Ok(TokioIo::new(stream)),
                None => UnixStream::connect(path).await.map(TokioIo::new),
            }
        }
    });
    Endpoint::from_static(UNIX_ORIGIN)
        .connect_with_connector(connector)
        .await
        .map_err(|source| ClientError::Connect { address: socket.display().to_string(), source })
}

async fn elsewhere(remote: &Remote) -> Result<Channel, ClientError> {
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|source| ClientError::CertificateFile { path: path.clone(), source })
    };
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(read(&remote.ca)?))
        .identity(Identity::from_pem(read(&remote.certificate)?, read(&remote.key)?))
        .domain_name(SERVER_NAME);
    let wrong = |source| ClientError::Connect { address: remote.address.clone(), source };
    Endpoint::from_shared(remote.address.clone())
        .map_err(wrong)?
        .tls_config(tls)
        .map_err(wrong)?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .connect()
        .await
        .map_err(wrong)
}
