//! Who calls, as far as the connection proves it.

use std::fmt;

use throng_common::ids::HostId;

use crate::pki::{Identity, Principal};

/// The part that a caller plays.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CallerRole {
    /// May do everything: an operator's certificate, or the coordinator's own user or root on the unix socket.
    Operator,
    /// May look at everything.
    Viewer,
    /// A host's agent.
    Agent(HostId),
    /// Showed no certificate.
    Anonymous,
}

/// Who calls; every request carries it as an extension, put there by the listener and by nobody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The part that it plays.
    pub role: CallerRole,
    /// Its name, for people and the journal.
    pub name: String,
    /// Where it calls from: an address, or `unix`.
    pub origin: String,
    /// Its user on this machine, as the kernel says; none over the network.
    pub uid: Option<u32>,
    /// The serial number of its certificate, in hex, where that is an operator's or a viewer's: it can be withdrawn.
    pub serial: Option<String>,
}

impl fmt::Display for CallerRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.write_str("an operator"),
            Self::Viewer => f.write_str("a viewer"),
            Self::Agent(host) => write!(f, "the agent of {host}"),
            Self::Anonymous => f.write_str("a caller without a certificate"),
        }
    }
}

impl Caller {
    /// A caller with a certificate of this fleet.
    pub fn certified(identity: Identity, serial: String, origin: String) -> Self {
        let (role, name, serial) = match identity.principal {
            Principal::Agent(host) => (CallerRole::Agent(host.clone()), host.to_string(), None),
            Principal::Operator(name) => (CallerRole::Operator, name.to_string(), Some(serial)),
            Principal::Viewer(name) => (CallerRole::Viewer, name.to_string(), Some(serial)),
        };
        Self { role, name, origin, uid: None, serial }
    }

    /// A caller who showed none.
    pub fn anonymous(origin: String) -> Self {
        Self { role: CallerRole::Anonymous, name: "anonymous".to_owned(), origin, uid: None, serial: None }
    }

    /// A user of this machine whom the unix socket admitted.
    pub fn local(uid: u32) -> Self {
        let (name, origin) = (format!("uid {uid}"), "unix".to_owned());
        Self { role: CallerRole::Operator, name, origin, uid: Some(uid), serial: None }
    }
}
