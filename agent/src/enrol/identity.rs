//! Who this agent is: what it got when it joined.

use std::fmt;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use throng_common::ca_pin::CaPin;
use throng_common::ids::{FleetId, HostId};
use throng_common::status::UnixMillis;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// A host's place in a fleet, with the certificate that proves it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    pub(super) fleet: FleetId,
    pub(super) host: HostId,
    /// `host:port`.
    pub(super) coordinator: String,
    /// The fleet's CA, in hex as no PEM encoder is at hand.
    pub(super) ca_der_hex: String,
    pub(super) certificate_pem: String,
    pub(super) key_pem: String,
    /// When the certificate was got, by this host's clock.
    pub(super) obtained: UnixMillis,
    pub(super) expires: UnixMillis,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fleet, host, coordinator, expires, .. } = self;
        write!(f, "Identity({host} of {fleet} at {coordinator} until {})", expires.0)
    }
}

impl Identity {
    /// The fleet.
    pub fn fleet(&self) -> &FleetId {
        &self.fleet
    }

    /// The host's id in it.
    pub fn host(&self) -> &HostId {
        &self.host
    }

    /// The coordinator's address, `host:port`.
    pub fn coordinator(&self) -> &str {
        &self.coordinator
    }

    /// The pin of the fleet's CA; none where the stored CA cannot be read.
    pub fn ca_pin(&self) -> Option<CaPin> {
        let ca = hex::decode(&self.ca_der_hex).ok()?;
        let (_, ca) = X509Certificate::from_der(&ca).ok()?;
        Some(CaPin(Sha256::digest(ca.public_key().raw).into()))
    }

    /// The same identity with its coordinator at another address.
    #[must_use]
    pub fn with_coordinator(self, coordinator: String) -> Self {
        Self { coordinator, ..self }
    }

    /// When the certificate ends.
    pub fn expires(&self) -> UnixMillis {
        self.expires
    }

    /// When to ask for the next certificate: at half of this one's life.
    pub fn renew_at(&self) -> UnixMillis {
        let life = self.expires.since(self.obtained);
        UnixMillis(self.obtained.0 + u64::try_from(life.as_millis() / 2).unwrap_or(0))
    }

    /// TLS settings that show this certificate and accept only this fleet's coordinator.
    pub(crate) fn client_config(&self, alpn: &[u8]) -> Result<ClientConfig, rustls::Error> {
        let unreadable = |what: &str| rustls::Error::General(format!("{what} is not PEM"));
        let ca = hex::decode(&self.ca_der_hex).map_err(|_| rustls::Error::General("the CA is not hex".to_owned()))?;
        let certificate = CertificateDer::from_pem_slice(self.certificate_pem.as_bytes())
            .map_err(|_| unreadable("the certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).map_err(|_| unreadable("the key"))?;
        let mut roots = RootCertStore::empty();
        roots.add(ca.into())?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![certificate], key)?;
        config.alpn_protocols = vec![alpn.to_vec()];
        Ok(config)
    }
}
