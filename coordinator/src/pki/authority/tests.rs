use super::*;
use crate::paths::StateEnvironment;
use rcgen::{CertificateParams, SanType};
use throng_common::ids::OperatorName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

fn scratch() -> (tempfile::TempDir, StateDir, FleetId) {
    let folder = tempfile::tempdir().unwrap();
    let flag = Some(folder.path().join("state"));
    let state = StateDir::resolve(&StateEnvironment { flag, ..StateEnvironment::default() }).unwrap();
    state.create().unwrap();
    (folder, state, FleetId::new("fleet-x").unwrap())
}

fn a_day() -> Validity {
    Validity::from_now(SystemTime::now(), AGENT_TTL)
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

#[test]
fn the_ca_is_kept_over_restarts_and_its_key_is_its_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, state, fleet) = scratch();
    let first = Authority::open(&state, &fleet, SystemTime::now()).unwrap();
    let second = Authority::open(&state, &fleet, SystemTime::now()).unwrap();
    assert_eq!(first.ca_pin(), second.ca_pin());
    assert_eq!(first.certificate_pem(), second.certificate_pem());
    assert_eq!(state.ca_key().metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_key_without_its_certificate_keeps_the_pin_and_a_certificate_without_its_key_is_refused() {
    let (_folder, state, fleet) = scratch();
    let pin = Authority::open(&state, &fleet, SystemTime::now()).unwrap().ca_pin();
    std::fs::remove_file(state.ca_certificate()).unwrap();
    assert_eq!(Authority::open(&state, &fleet, SystemTime::now()).unwrap().ca_pin(), pin);
    std::fs::remove_file(state.ca_key()).unwrap();
    let error = Authority::open(&state, &fleet, SystemTime::now()).unwrap_err().to_string();
    assert!(error.contains("key is missing"), "{error}");
    std::fs::write(state.ca_key(), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let error = Authority::open(&state, &fleet, SystemTime::now()).unwrap_err().to_string();
    assert!(error.contains("not of its key"), "{error}");
}

#[test]
fn a_request_that_asks_to_be_somebody_else_gets_only_its_key_signed() {
    let (_folder, state, fleet) = scratch();
    let authority = Authority::open(&state, &fleet, SystemTime::now()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut wish = CertificateParams::new(vec!["coordinator".to_owned()]).unwrap();
    wish.subject_alt_names.push(SanType::URI("throng://fleet-x/operator/root".try_into().unwrap()));
    let request = wish.serialize_request(&key).unwrap().pem().unwrap();
    let host = HostId::new("host-1").unwrap();
    let issued = authority.issue_agent(&request, &host, a_day()).unwrap();
    let certificate = der(&issued.certificate_pem);
    let identity = Identity::of_certificate(&certificate).unwrap();
    assert_eq!(identity, Identity { fleet, principal: Principal::Agent(host) });
    let (_, parsed) = X509Certificate::from_der(&certificate).unwrap();
    assert_eq!(parsed.public_key().raw, key.subject_public_key_info());
    assert!(!parsed.is_ca());
    assert!(parsed.validity().is_valid());
    assert_eq!(issued.serial, hex::encode(parsed.raw_serial()));
}

#[test]
fn a_request_that_its_own_key_did_not_sign_is_refused() {
    let (_folder, state, fleet) = scratch();
    let authority = Authority::open(&state, &fleet, SystemTime::now()).unwrap();
    let key = KeyPair::generate().unwrap();
    let request = CertificateParams::default().serialize_request(&key).unwrap();
    let mut forged = request.der().to_vec();
    let last = forged.len() - 3;
    forged[last] ^= 1;
    let text = format!("-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n", base64(&forged));
    let host = HostId::new("host-1").unwrap();
    for bad in [text.as_str(), "", "hello"] {
        assert!(matches!(authority.issue_agent(bad, &host, a_day()), Err(PkiError::BadRequest(_))), "{bad}");
    }
}

#[test]
fn operators_and_viewers_are_who_their_certificates_say() {
    let (_folder, state, fleet) = scratch();
    let authority = Authority::open(&state, &fleet, SystemTime::now()).unwrap();
    let ann = OperatorName::new("ann").unwrap();
    for principal in [Principal::Operator(ann.clone()), Principal::Viewer(ann)] {
        let given = authority.issue_with_key(principal.clone(), a_day()).unwrap();
        let identity = Identity::of_certificate(&der(&given.issued.certificate_pem)).unwrap();
        assert_eq!(identity.principal, principal);
        assert!(!format!("{given:?}").contains("PRIVATE"));
    }
}

/// Standard base64, for one forged request.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}
