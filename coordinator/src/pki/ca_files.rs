//! The CA on disk: made at the first start, kept from then on.

use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{KeyPair, PublicKeyData as _};
use throng_common::ids::FleetId;
use x509_parser::pem::parse_x509_pem;

use super::PkiError;
use super::certificate::{CA_NAME, Validity, ca_params};
use crate::paths::{StateDir, write_private};

/// A CA lives as long as its fleet; ten years is for ever here.
const CA_TTL: Duration = Duration::from_hours(10 * 365 * 24);

/// The CA's key and certificate.
pub(super) struct CaFiles {
    pub(super) key: KeyPair,
    pub(super) certificate_pem: String,
}

/// Reads the CA, or makes it. A key without its certificate, left by a crash between the two, gets a new certificate:
/// the pin is the key's, so nobody need join again.
pub(super) fn load_or_create(state: &StateDir, fleet: &FleetId, now: SystemTime) -> Result<CaFiles, PkiError> {
    let (key_path, certificate_path) = (state.ca_key(), state.ca_certificate());
    let certificate = read(&certificate_path)?;
    let key = match (read(&key_path)?, &certificate) {
        (Some(pem), _) => KeyPair::from_pem(&pem)
            .map_err(|_| PkiError::BadCa { path: key_path, problem: "its key is not a private key in PEM" })?,
        (None, Some(_)) => return Err(PkiError::BadCa { path: key_path, problem: "its key is missing" }),
        (None, None) => create_key(&key_path)?,
    };
    let certificate_pem = match certificate {
        Some(pem) => pem,
        None => create_certificate(&certificate_path, &key, fleet, now)?,
    };
    check_pair(&certificate_path, &certificate_pem, &key)?;
    Ok(CaFiles { key, certificate_pem })
}

/// The fleet that the CA of this state directory was made for; none where there is no CA, or it does not say.
pub fn fleet_of(state: &StateDir) -> Result<Option<FleetId>, PkiError> {
    let Some(text) = read(&state.ca_certificate())? else { return Ok(None) };
    let Ok((_, pem)) = parse_x509_pem(text.as_bytes()) else { return Ok(None) };
    let Ok(certificate) = pem.parse_x509() else { return Ok(None) };
    let name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    Ok(name.and_then(|name| FleetId::new(name.strip_prefix(CA_NAME)?).ok()))
}

fn read(path: &Path) -> Result<Option<String>, PkiError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PkiError::File { operation: "read", path: path.to_owned(), source }),
    }
}

fn write(path: &Path, text: &str) -> Result<(), PkiError> {
    write_private(path, text.as_bytes()).map_err(|source| PkiError::File {
        operation: "write",
        path: path.to_owned(),
        source,
    })
}

fn create_key(path: &Path) -> Result<KeyPair, PkiError> {
    let key = KeyPair::generate().map_err(|source| PkiError::Make { what: "the CA's key", source })?;
    write(path, &key.serialize_pem())?;
    Ok(key)
}

fn create_certificate(path: &Path, key: &KeyPair, fleet: &FleetId, now: SystemTime) -> Result<String, PkiError> {
    let params = ca_params(fleet, Validity::from_now(now, CA_TTL));
    let made = params.self_signed(key).map_err(|source| PkiError::Make { what: "the CA's certificate", source })?;
    write(path, &made.pem())?;
    Ok(made.pem())
}

fn check_pair(path: &Path, certificate_pem: &str, key: &KeyPair) -> Result<(), PkiError> {
    let wrong = |problem| PkiError::BadCa { path: path.to_owned(), problem };
    let (_, pem) = parse_x509_pem(certificate_pem.as_bytes()).map_err(|_| wrong("it is not PEM"))?;
    let certificate = pem.parse_x509().map_err(|_| wrong("it is not a certificate"))?;
    if certificate.public_key().raw == key.subject_public_key_info() {
        Ok(())
    } else {
        Err(wrong("its certificate is not of its key"))
    }
}
