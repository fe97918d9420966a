//! The fleet's certificate authority.

use std::time::{Duration, SystemTime};

use rcgen::{CertificateSigningRequestParams, Issuer, KeyPair, PublicKeyData as _};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest as _, Sha256};
use throng_common::ca_pin::CaPin;
use throng_common::ids::{FleetId, HostId};

use super::ca_files::{CaFiles, load_or_create};
use super::certificate::{client_params, serial_of, server_params};
use super::{Identity, Issued, IssuedWithKey, PkiError, Principal, Validity};
use crate::paths::StateDir;

/// How long an agent's certificate is valid; it renews at half of it.
pub const AGENT_TTL: Duration = Duration::from_hours(24);

/// How long an operator's certificate is valid when nothing else is asked for.
pub const OPERATOR_TTL: Duration = Duration::from_hours(24);

/// How long the coordinator's own certificate is valid: made anew at every start, so longer than any life.
const SERVER_TTL: Duration = Duration::from_hours(365 * 24);

/// Issues the certificates of one fleet.
#[derive(Debug)]
pub struct Authority {
    fleet: FleetId,
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    certificate: CertificateDer<'static>,
    pin: CaPin,
}

impl Authority {
    /// Reads the CA of this state directory, or makes it at the first start.
    pub fn open(state: &StateDir, fleet: &FleetId, now: SystemTime) -> Result<Self, PkiError> {
        let CaFiles { key, certificate_pem } = load_or_create(state, fleet, now)?;
        let unusable = |problem| PkiError::BadCa { path: state.ca_certificate(), problem };
        let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes())
            .map_err(|_| unusable("its certificate is not PEM"))?;
        let pin = CaPin(Sha256::digest(key.subject_public_key_info()).into());
        let issuer =
            Issuer::from_ca_cert_der(&certificate, key).map_err(|_| unusable("its certificate is not one of a CA"))?;
        Ok(Self { fleet: fleet.clone(), issuer, certificate_pem, certificate, pin })
    }

    /// The fleet.
    pub fn fleet(&self) -> &FleetId {
        &self.fleet
    }

    /// SHA-256 of the CA's public key: what a host must be given to join.
    pub fn ca_pin(&self) -> CaPin {
        self.pin
    }

    /// PEM of the CA's certificate.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The CA's certificate.
    pub(super) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// A new key and certificate for the coordinator's own port; `names` are host names and addresses.
    pub(super) fn issue_server(
        &self,
        names: &[String],
        now: SystemTime,
    ) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), PkiError> {
        let failed = |source| PkiError::Make { what: "the server's certificate", source };
        let key = KeyPair::generate().map_err(failed)?;
        let params = server_params(names, Validity::from_now(now, SERVER_TTL))?;
        let made = params.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok((made.der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der()).into()))
    }

    /// A certificate for a host's agent. Of the request only the key is used, whatever else it asks for.
    pub fn issue_agent(&self, request_pem: &str, host: &HostId, validity: Validity) -> Result<Issued, PkiError> {
        let mut request = CertificateSigningRequestParams::from_pem(request_pem).map_err(PkiError::BadRequest)?;
        request.params = client_params(&self.identity(Principal::Agent(host.clone())), validity)?;
        let failed = |source| PkiError::Make { what: "an agent's certificate", source };
        let made = request.signed_by(&self.issuer).map_err(failed)?;
        Ok(Issued { certificate_pem: made.pem(), serial: serial_of(&request.params), expires: validity.expires() })
    }

    /// A key and certificate for any principal; `throng operator add` uses it for operators and viewers.
    pub fn issue_with_key(&self, principal: Principal, validity: Validity) -> Result<IssuedWithKey, PkiError> {
        let failed = |source| PkiError::Make { what: "a client's certificate", source };
        let key = KeyPair::generate().map_err(failed)?;
        let params = client_params(&self.identity(principal), validity)?;
        let made = params.signed_by(&key, &self.issuer).map_err(failed)?;
        let issued = Issued { certificate_pem: made.pem(), serial: serial_of(&params), expires: validity.expires() };
        Ok(IssuedWithKey { issued, key_pem: key.serialize_pem() })
    }

    fn identity(&self, principal: Principal) -> Identity {
        Identity { fleet: self.fleet.clone(), principal }
    }
}

#[cfg(test)]
mod tests;
