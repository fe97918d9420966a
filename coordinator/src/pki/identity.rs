//! Who a certificate says its holder is.

use std::fmt;

use throng_common::ids::{FleetId, HostId, OperatorName};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::PkiError;

/// The scheme of identities.
const SCHEME: &str = "throng://";

/// The part of a fleet that somebody plays.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Principal {
    /// A host's agent.
    Agent(HostId),
    /// May do everything.
    Operator(OperatorName),
    /// May look at everything.
    Viewer(OperatorName),
}

/// A principal of a fleet, written as a URI.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The fleet.
    pub fleet: FleetId,
    /// Who.
    pub principal: Principal,
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(host) => write!(f, "agent/{host}"),
            Self::Operator(name) => write!(f, "operator/{name}"),
            Self::Viewer(name) => write!(f, "viewer/{name}"),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.fleet, self.principal)
    }
}

impl Identity {
    /// Reads an identity's URI.
    pub fn parse(uri: &str) -> Result<Self, PkiError> {
        let wrong = |problem: String| PkiError::NoIdentity { problem };
        let path = uri.strip_prefix(SCHEME).ok_or_else(|| wrong(format!("`{uri}` does not begin with {SCHEME}")))?;
        let parts: Vec<&str> = path.split('/').collect();
        let [fleet, role, name] = parts[..] else {
            return Err(wrong(format!("`{uri}` is not {SCHEME}<fleet>/<role>/<name>")));
        };
        let principal = match role {
            "agent" => HostId::new(name).map(Principal::Agent),
            "operator" => OperatorName::new(name).map(Principal::Operator),
            "viewer" => OperatorName::new(name).map(Principal::Viewer),
            other => return Err(wrong(format!("unknown role `{other}`"))),
        };
        let fleet = FleetId::new(fleet).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { fleet, principal: principal.map_err(|error| wrong(error.to_string()))? })
    }

    /// Reads the identity out of a certificate that was verified already. It must have just one URI.
    pub fn of_certificate(der: &[u8]) -> Result<Self, PkiError> {
        let wrong = |problem: &str| PkiError::NoIdentity { problem: problem.to_owned() };
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| wrong("it cannot be parsed"))?;
        let names = certificate.subject_alternative_name().map_err(|_| wrong("its names cannot be parsed"))?;
        let names = names.ok_or_else(|| wrong("it has no names"))?;
        let [GeneralName::URI(uri)] = names.value.general_names[..] else {
            return Err(wrong("it has other names than one URI"));
        };
        Self::parse(uri)
    }
}

/// The serial number of a certificate, in hex, as it is written where certificates are issued.
pub fn serial_of_certificate(der: &[u8]) -> Result<String, PkiError> {
    let wrong = |_| PkiError::NoIdentity { problem: "it cannot be parsed".to_owned() };
    let (_, certificate) = X509Certificate::from_der(der).map_err(wrong)?;
    Ok(hex::encode(certificate.raw_serial()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_survive_a_round_trip() {
        for uri in ["throng://fleet-x/agent/host-1", "throng://f/operator/ann", "throng://f/viewer/bob"] {
            assert_eq!(Identity::parse(uri).unwrap().to_string(), uri);
        }
    }

    #[test]
    fn what_is_no_identity_is_refused() {
        for uri in [
            "",
            "throng://",
            "throng://f/agent",
            "throng://f/agent/a/b",
            "throng://f/root/a",
            "throng://f/agent/",
            "throng:///agent/a",
            "https://f/agent/a",
            "throng://f/agent/../operator/ann",
        ] {
            assert!(Identity::parse(uri).is_err(), "{uri}");
        }
    }
}
