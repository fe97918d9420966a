//! Newtypes for everything that is called by a name, a number or an identifier.
//!
//! Each is parsed once, where it enters (scenario, wire, command line), and carried typed from there on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text_type::text_type;

/// Longest accepted name, in bytes: a DNS label (RFC 1035) holds 63.
pub const NAME_MAX_BYTES: usize = 63;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {kind}: {rule}")]
pub struct NameError {
    /// What was being parsed, for instance "role name".
    pub kind: &'static str,
    /// The text that was refused.
    pub text: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

/// The rule that every name obeys, so that it can be a host name, a file name and part of a container's name.
pub const NAME_RULE: &str = "use 1 to 63 of a-z, 0-9 and '-', begin with a letter, do not end with '-'";

fn check_name(kind: &'static str, text: &str) -> Result<(), NameError> {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good = text.len() <= NAME_MAX_BYTES
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.chars().all(inside);
    if good { Ok(()) } else { Err(NameError { kind, text: text.to_owned(), rule: NAME_RULE }) }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        text_type!($name, NameError, r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", concat!("A ", $kind, ": a-z, 0-9 and '-'."));

        impl $name {
            /// Parses and checks a name (see [`NAME_RULE`]).
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                check_name($kind, &text)?;
                Ok(Self(text))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name_type!(
    /// The name of a kind of member, as the scenario gives it: `worker`, `primary`.
    RoleName, "role name");
name_type!(
    /// A deployed scenario: its name and four random characters, `redis-replicas-x7k2`.
    ClusterId, "cluster id");
name_type!(
    /// One machine with one agent on it.
    HostId, "host id");
name_type!(
    /// All hosts of one coordinator.
    FleetId, "fleet id");
name_type!(
    /// A person or program that holds an operator's or a viewer's certificate.
    OperatorName, "operator name");
name_type!(
    /// One execution of a scenario's tests.
    RunId, "run id");
name_type!(
    /// A long-running command in the coordinator that a CLI can follow, leave and cancel.
    OperationId, "operation id");

/// The letters of random suffixes: no vowels, so that no words arise, and nothing that reads alike.
const SUFFIX_ALPHABET: &[u8] = b"bcdfghjkmnpqrstvwxz23456789";

/// A random suffix of `length` letters, for ids that people read and type.
pub fn random_suffix(length: usize) -> String {
    use rand::RngExt as _;
    let mut random = rand::rng();
    (0..length).map(|_| char::from(SUFFIX_ALPHABET[random.random_range(0..SUFFIX_ALPHABET.len())])).collect()
}

impl ClusterId {
    /// A new id for a scenario of this name: cut to fit, with four random characters.
    pub fn generate(scenario: &str) -> Self {
        // 40 bytes of the scenario's name leave room for `throng-…-<node>` in a container's name.
        let stem = scenario.get(..40).unwrap_or(scenario).trim_end_matches('-');
        Self(format!("{stem}-{}", random_suffix(4)))
    }
}

impl RunId {
    /// A new id for a run of this cluster's tests.
    pub fn generate(scenario: &str) -> Self {
        let stem = scenario.get(..40).unwrap_or(scenario).trim_end_matches('-');
        Self(format!("{stem}-run-{}", random_suffix(5)))
    }
}

impl OperationId {
    /// A new id; `verb` says what it does (`up`, `run`, `down`).
    pub fn generate(verb: &str) -> Self {
        Self(format!("{verb}-{}", random_suffix(6)))
    }
}

/// One member of the system under test: a role and an index, written `worker-0042`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeName {
    role: RoleName,
    index: u32,
}

/// Digits to which a node's index is padded.
pub const INDEX_WIDTH_DIGITS: usize = 4;

impl NodeName {
    /// The node of this role with this index, counted from 0.
    pub fn new(role: RoleName, index: u32) -> Self {
        Self { role, index }
    }

    /// The role.
    pub fn role(&self) -> &RoleName {
        &self.role
    }

    /// The index within the role, from 0.
    pub fn index(&self) -> u32 {
        self.index
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{:0width$}", self.role, self.index, width = INDEX_WIDTH_DIGITS))
    }
}

impl FromStr for NodeName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError {
            kind: "node name",
            text: text.to_owned(),
            rule: "write a role, '-' and an index of four digits or more, like worker-0042",
        };
        let (role, digits) = text.rsplit_once('-').ok_or_else(wrong)?;
        let padded =
            digits.len() == INDEX_WIDTH_DIGITS || (digits.len() > INDEX_WIDTH_DIGITS && !digits.starts_with('0'));
        if !padded || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        Ok(Self { role: RoleName::new(role)?, index: digits.parse().map_err(|_| wrong())? })
    }
}

impl TryFrom<String> for NodeName {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<NodeName> for String {
    fn from(name: NodeName) -> Self {
        name.to_string()
    }
}

macro_rules! number_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The next number.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_type!(
    /// The number of a host's desired state. An agent refuses one that is older than what it holds.
    Generation);
number_type!(
    /// The number of a coordinator's life: raised at every start. Agents refuse a lower one.
    Epoch);
number_type!(
    /// How often a node was asked to begin anew: raising it restarts the node.
    Incarnation);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_names_survive_a_round_trip_and_sort_by_index() {
        let role = RoleName::new("worker").unwrap();
        for index in [0, 7, 42, 9999, 10_000, 123_456] {
            let name = NodeName::new(role.clone(), index);
            assert_eq!(name.to_string().parse::<NodeName>().unwrap(), name);
        }
        assert!(NodeName::new(role.clone(), 9999) < NodeName::new(role, 10_000));
    }

    #[test]
    fn names_that_cannot_be_host_names_are_refused() {
        for text in ["", "Worker", "1st", "a_b", "a-", "-a", "ä", &"a".repeat(64)] {
            assert!(RoleName::new(text).is_err(), "{text}");
        }
        for text in ["worker", "worker-1", "worker-00042", "-0001", "worker-00x1"] {
            assert!(text.parse::<NodeName>().is_err(), "{text}");
        }
    }

    #[test]
    fn generated_ids_are_valid_names() {
        for _ in 0..100 {
            let id = ClusterId::generate(&"x".repeat(63));
            assert!(ClusterId::new(id.as_str()).is_ok(), "{id}");
        }
    }
}
