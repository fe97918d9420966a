//! From an address to a client of the operators' API.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use throng_proto::operator::throng_client::ThrongClient;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::error::ClientError;
use super::tls::Dialer;
use super::tls_fault::TlsFault;
use crate::output::time::timestamp;

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

/// The same for a connection that is encrypted already.
const TLS_ORIGIN: &str = "http://throng";

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
    let dialer = dialer(remote)?;
    // The first connection is made here, so that what is wrong with it is told plainly.
    let dialled = tokio::time::timeout(CONNECT_TIMEOUT, dialer.clone().dial()).await;
    let late = |_| io::Error::from(ErrorKind::TimedOut);
    let first = dialled.map_err(late).flatten().map_err(|source| failed(&remote.address, source))?;
    let mut first = Some(TokioIo::new(first));
    let connector = service_fn(move |_: http::Uri| {
        let (ready, dialer) = (first.take(), dialer.clone());
        async move {
            match ready {
                Some(stream) => Ok(stream),
                None => dialer.dial().await.map(TokioIo::new),
            }
        }
    });
    Endpoint::from_static(TLS_ORIGIN)
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .connect_with_connector(connector)
        .await
        .map_err(|source| ClientError::Connect { address: remote.address.clone(), source })
}

/// From the three files: each must hold what it should, and the certificate must be valid now.
fn dialer(remote: &Remote) -> Result<Dialer, ClientError> {
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|source| ClientError::CertificateFile { path: path.clone(), source })
    };
    let (ca, certificate, key) = (read(&remote.ca)?, read(&remote.certificate)?, read(&remote.key)?);
    let ca = check_certificate(&remote.ca, &ca)?;
    let certificate = check_certificate(&remote.certificate, &certificate)?;
    check_validity(&remote.certificate, &certificate)?;
    let not_a_key = |_| ClientError::NotPem { path: remote.key.clone(), what: "private key" };
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(not_a_key)?;
    let authority = remote.address.trim_start_matches("https://").to_owned();
    Dialer::new(authority, ca, certificate, key).map_err(|source| failed(&remote.address, io::Error::other(source)))
}

fn check_certificate(path: &Path, pem: &[u8]) -> Result<CertificateDer<'static>, ClientError> {
    let wrong = |_| ClientError::NotPem { path: path.to_owned(), what: "certificate" };
    CertificateDer::from_pem_slice(pem).map_err(wrong)
}

/// Said here, and not by a refusal on the other side that names no file.
fn check_validity(path: &Path, der: &CertificateDer<'_>) -> Result<(), ClientError> {
    let wrong = |_| ClientError::NotPem { path: path.to_owned(), what: "certificate" };
    let (_, certificate) = X509Certificate::from_der(der).map_err(wrong)?;
    let validity = certificate.validity();
    if validity.is_valid() {
        return Ok(());
    }
    let shown = |time: x509_parser::time::ASN1Time| {
        timestamp(u64::try_from(time.timestamp()).unwrap_or(0).saturating_mul(1000))
    };
    Err(ClientError::OwnCertificate {
        path: path.to_owned(),
        from: shown(validity.not_before),
        to: shown(validity.not_after),
    })
}

/// Why a connection did not come about, as plainly as can be told.
fn failed(address: &str, source: io::Error) -> ClientError {
    let address = address.to_owned();
    match (TlsFault::of(&source), source.kind()) {
        (Some(fault), _) => ClientError::Tls { address, fault },
        (None, ErrorKind::ConnectionRefused | ErrorKind::TimedOut | ErrorKind::HostUnreachable) => {
            ClientError::NobodyThere { address, source }
        }
        (None, _) => ClientError::Broken { address, source },
    }
}
