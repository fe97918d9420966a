//! Certificates as values: their validity, their parameters, and what is given out.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose,
    SanType, SerialNumber,
};
use throng_common::ids::FleetId;
use throng_common::status::UnixMillis;

use super::{Identity, PkiError};

/// How far a certificate's begin lies before its making: a host's clock may be behind, or may have been a day ahead when
/// it was made and be set back by two. Nothing is lost by it: what it proves is bound to the fleet's own CA.
const CLOCK_SKEW: Duration = Duration::from_hours(72);

/// What a CA's own name begins with; its fleet follows.
pub(super) const CA_NAME: &str = "throng CA of ";

/// Random bytes of a serial number; CAs must have at least 8 (RFC 5280 allows up to 20).
const SERIAL_BYTES: usize = 16;

/// From when to when a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Begin.
    pub not_before: SystemTime,
    /// End.
    pub not_after: SystemTime,
}

impl Validity {
    /// For so long from now on, and for three days before.
    pub fn from_now(now: SystemTime, ttl: Duration) -> Self {
        Self { not_before: now - CLOCK_SKEW, not_after: now + ttl }
    }

    /// The end in milliseconds.
    pub fn expires(&self) -> UnixMillis {
        let since = self.not_after.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A certificate given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// PEM of the certificate.
    pub certificate_pem: String,
    /// Its serial number, in hex.
    pub serial: String,
    /// When it ends.
    pub expires: UnixMillis,
}

/// A certificate given out with the key that was made for it.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuedWithKey {
    /// The certificate.
    pub issued: Issued,
    /// PEM of the private key. Not kept by the coordinator.
    pub key_pem: String,
}

impl std::fmt::Debug for IssuedWithKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedWithKey").field("issued", &self.issued).finish_non_exhaustive()
    }
}

fn params(common_name: &str, validity: Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = validity.not_before.into();
    params.not_after = validity.not_after.into();
    let mut serial: [u8; SERIAL_BYTES] = rand::random();
    // Positive and without a leading zero, so that it is written the same everywhere.
    serial[0] = serial[0] & 0x3f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.use_authority_key_identifier_extension = true;
    params
}

/// What a fleet's CA is.
pub(super) fn ca_params(fleet: &FleetId, validity: Validity) -> CertificateParams {
    let mut params = params(&format!("{CA_NAME}{fleet}"), validity);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// What the coordinator's own certificate is; `names` are host names and addresses.
pub(super) fn server_params(names: &[String], validity: Validity) -> Result<CertificateParams, PkiError> {
    let failed = |source| PkiError::Make { what: "the server's certificate", source };
    let mut params = params("throng coordinator", validity);
    params.subject_alt_names = CertificateParams::new(names).map_err(failed)?.subject_alt_names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// What the certificate of a principal is.
pub(super) fn client_params(identity: &Identity, validity: Validity) -> Result<CertificateParams, PkiError> {
    let failed = |source| PkiError::Make { what: "a client's certificate", source };
    let mut params = params(&identity.principal.to_string(), validity);
    params.subject_alt_names = vec![SanType::URI(identity.to_string().try_into().map_err(failed)?)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

/// The serial number of parameters made here, in hex.
pub(super) fn serial_of(params: &CertificateParams) -> String {
    params.serial_number.as_ref().map(|serial| hex::encode(serial.to_bytes())).unwrap_or_default()
}
