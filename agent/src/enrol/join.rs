//! Joining: a one-time token for a certificate.

use std::fmt;
use std::time::SystemTime;

use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, KeyPair};
use throng_common::ca_pin::CaPin;
use throng_common::ids::{FleetId, HostId};
use throng_common::status::UnixMillis;
use throng_proto::operator::enrolment_client::EnrolmentClient;
use throng_proto::operator::{JoinReply, JoinRequest};
use throng_proto::transport::ALPN_API;
use tokio_rustls::rustls::ClientConfig;
use tonic::transport::Endpoint;

use super::pin::PinnedCa;
use super::{EnrolError, Identity};
use crate::link::dial;

/// How long the coordinator may take to answer.
const JOIN_DEADLINE: std::time::Duration = std::time::Duration::from_secs(15);

/// A one-time token. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken(String);

impl JoinToken {
    /// Wraps the token's text, without the white space around it.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinToken(…)")
    }
}

/// What a host must be given to join.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// The coordinator's address, `host:port`.
    pub coordinator: String,
    /// Its CA's pin.
    pub pin: CaPin,
    /// The token.
    pub token: JoinToken,
}

/// Joins. The key is made here; the token is sent only to a coordinator whose CA has the pin.
pub async fn join(invitation: &Invitation, hostname: &str) -> Result<Identity, EnrolError> {
    let pinned = PinnedCa::new(invitation.pin);
    let key = KeyPair::generate().map_err(EnrolError::Request)?;
    let request = JoinRequest {
        token: invitation.token.0.clone(),
        certificate_request: certificate_request(&key)?,
        hostname: hostname.to_owned(),
    };
    let address = &invitation.coordinator;
    let reply = ask(address, pinned.client_config(ALPN_API)?, request).await?;
    let ca = pinned.certificate().ok_or_else(|| wrong(address, "its CA was not seen"))?;
    identity(address, hex::encode(ca), &key, reply)
}

/// PEM of a request that asks for nothing but a signature under its key.
pub(super) fn certificate_request(key: &KeyPair) -> Result<String, EnrolError> {
    let request = CertificateParams::default().serialize_request(key).map_err(EnrolError::Request)?;
    request.pem().map_err(EnrolError::Request)
}

/// Calls `Join` over a connection of its own.
pub(super) async fn ask(address: &str, config: ClientConfig, request: JoinRequest) -> Result<JoinReply, EnrolError> {
    // Dialled first, so that what goes wrong is not hidden in a status.
    let stream = dial(address, config, ALPN_API).await?;
    let refused = |message: String| EnrolError::Refused { address: address.to_owned(), message };
    let mut stream = Some(TokioIo::new(stream));
    let once = tower::service_fn(move |_| {
        let taken = stream.take().ok_or_else(|| std::io::Error::other("the connection was lost"));
        std::future::ready(taken)
    });
    let endpoint = Endpoint::from_static("http://throng").timeout(JOIN_DEADLINE);
    let channel = endpoint.connect_with_connector(once).await.map_err(|error| refused(error.to_string()))?;
    let answered = EnrolmentClient::new(channel).join(request).await;
    answered.map(tonic::Response::into_inner).map_err(|status| refused(status.message().to_owned()))
}

/// The identity that an answer makes.
pub(super) fn identity(
    address: &str,
    ca_der_hex: String,
    key: &KeyPair,
    reply: JoinReply,
) -> Result<Identity, EnrolError> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let identity = Identity {
        fleet: FleetId::new(reply.fleet).map_err(|error| wrong(address, &error.to_string()))?,
        host: HostId::new(reply.host).map_err(|error| wrong(address, &error.to_string()))?,
        coordinator: address.to_owned(),
        ca_der_hex,
        certificate_pem: reply.certificate,
        key_pem: key.serialize_pem(),
        obtained: UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
        expires: UnixMillis(reply.expires_unix_millis),
    };
    // Fails here rather than at every dial if certificate and key do not fit.
    identity.client_config(ALPN_API)?;
    Ok(identity)
}

fn wrong(address: &str, problem: &str) -> EnrolError {
    EnrolError::Answer { address: address.to_owned(), problem: problem.to_owned() }
}
