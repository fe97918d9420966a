//! The ports that a role asks for.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Ports by name: `["redis"]`, or `{ redis = {}, data = { count = 10 }, bus = { offset_of = "redis", plus = 10000 } }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PortsDecl {
    /// One port for each name.
    Names(Vec<String>),
    /// A declaration for each name.
    Table(BTreeMap<String, PortDecl>),
}

impl Default for PortsDecl {
    fn default() -> Self {
        Self::Names(Vec::new())
    }
}

/// One named port, range of ports, or port derived from another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PortDecl {
    /// How many consecutive ports. Default: 1.
    #[schemars(range(min = 1))]
    pub count: Option<u32>,
    /// The name of the port that this one is derived from.
    pub offset_of: Option<String>,
    /// How far above it.
    #[schemars(range(min = 1))]
    pub plus: Option<u16>,
}

impl PortsDecl {
    /// All declarations, in their order (a table's: by name).
    pub fn entries(&self) -> Box<dyn Iterator<Item = (&str, PortDecl)> + '_> {
        match self {
            Self::Names(names) => Box::new(names.iter().map(|name| (name.as_str(), PortDecl::default()))),
            Self::Table(table) => Box::new(table.iter().map(|(name, decl)| (name.as_str(), decl.clone()))),
        }
    }

    /// Whether a port of this name is declared.
    pub fn contains(&self, name: &str) -> bool {
        self.entries().any(|(known, _)| known == name)
    }
}
