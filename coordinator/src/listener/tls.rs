//! The TLS handshake: which settings apply, and who is there.

use std::net::SocketAddr;

use nix::sys::socket::{setsockopt, sockopt};
use throng_common::ids::{FleetId, HostId};
use throng_proto::transport::{ALPN_AGENT, ALPN_API, TCP_USER_TIMEOUT};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::server::{Acceptor, ClientHello};
use tokio_rustls::server::TlsStream;

use crate::authz::Caller;
use crate::pki::{Identity, PkiError, Principal, ServerTls, serial_of_certificate};

/// What a connection turned out to be.
pub(super) enum Arrival {
    /// An agent's: it is to be called over it.
    Agent(HostId, Box<TlsStream<TcpStream>>),
    /// One of the API.
    Api(Caller, Box<TlsStream<TcpStream>>),
}

/// Why a connection is not let in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the TLS handshake failed")]
    Handshake(#[from] std::io::Error),
    #[error("it offers neither throng-agent/1 nor h2 as its protocol (ALPN)")]
    Alpn,
    #[error("its certificate is not one of this fleet")]
    Identity(#[from] PkiError),
    #[error("its certificate is of fleet {0}")]
    OtherFleet(FleetId),
    #[error("only agents may use throng-agent/1, not {0}")]
    NotAnAgent(Principal),
}

/// Sets the socket, completes the handshake, and reads who is there.
pub(super) async fn receive(
    tcp: TcpStream,
    peer: SocketAddr,
    tls: &ServerTls,
    fleet: &FleetId,
) -> Result<Arrival, Refusal> {
    set_options(&tcp)?;
    let start = LazyConfigAcceptor::new(Acceptor::default(), tcp).await?;
    // The client names what it can speak; the server picks, so an agent's protocol wins.
    let offers = |alpn: &[u8], hello: &ClientHello<'_>| {
        hello.alpn().is_some_and(|mut offered| offered.any(|protocol| protocol == alpn))
    };
    let hello = start.client_hello();
    let as_agent = offers(ALPN_AGENT, &hello);
    if !as_agent && !offers(ALPN_API, &hello) {
        return Err(Refusal::Alpn);
    }
    let config = if as_agent { &tls.agent } else { &tls.api };
    let stream = start.into_stream(config.clone()).await?;
    let identity = identity(&stream, fleet)?;
    let stream = Box::new(stream);
    match (as_agent, identity) {
        (true, Some((Identity { principal: Principal::Agent(host), .. }, _))) => Ok(Arrival::Agent(host, stream)),
        (true, Some((Identity { principal, .. }, _))) => Err(Refusal::NotAnAgent(principal)),
        // The settings for agents require a certificate, so this is unreachable; refused all the same.
        (true, None) => Err(Refusal::Alpn),
        (false, Some((identity, serial))) => {
            Ok(Arrival::Api(Caller::certified(identity, serial, peer.ip().to_string()), stream))
        }
        (false, None) => Ok(Arrival::Api(Caller::anonymous(peer.ip().to_string()), stream)),
    }
}

fn set_options(tcp: &TcpStream) -> std::io::Result<()> {
    tcp.set_nodelay(true)?;
    let timeout_millis = u32::try_from(TCP_USER_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    setsockopt(tcp, sockopt::TcpUserTimeout, &timeout_millis).map_err(std::io::Error::from)
}

/// Who is there by the certificate, and the certificate's serial number.
fn identity(stream: &TlsStream<TcpStream>, fleet: &FleetId) -> Result<Option<(Identity, String)>, Refusal> {
    let Some(certificate) = stream.get_ref().1.peer_certificates().and_then(<[_]>::first) else { return Ok(None) };
    let identity = Identity::of_certificate(certificate)?;
    let serial = serial_of_certificate(certificate)?;
    if identity.fleet == *fleet { Ok(Some((identity, serial))) } else { Err(Refusal::OtherFleet(identity.fleet)) }
}
