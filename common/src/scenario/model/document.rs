//! The whole file, and what it is called.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Fleet, Metric, Role, Shared, Test, Tuning};
use crate::ids::RoleName;

/// The only format there is.
pub const FORMAT: u32 = 1;

/// A scenario file: the system under test, its fleet, its tests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Version of the scenario format: 1.
    pub format: u32,
    /// Files of this format that come before this one, which changes them as an overlay does. Paths are relative to the
    /// scenario that is run.
    #[serde(default)]
    pub include: Vec<String>,
    /// What this scenario is called.
    pub scenario: About,
    /// Where it runs.
    #[serde(default)]
    pub fleet: Fleet,
    /// Values to be used as `{param.NAME}` anywhere in the file, changed with `--set param.NAME=VALUE`.
    #[serde(default)]
    pub param: BTreeMap<String, ParamValue>,
    /// Folders that nodes of one host share, by name.
    #[serde(default)]
    pub shared: BTreeMap<String, Shared>,
    /// The kinds of members, by name.
    pub role: BTreeMap<RoleName, Role>,
    /// Kernel settings of the hosts.
    #[serde(default)]
    pub tuning: Tuning,
    /// Figures that the system under test gives of itself, sampled during every run.
    #[serde(default)]
    pub metric: Vec<Metric>,
    /// The tests, run in this order.
    #[serde(default)]
    pub test: Vec<Test>,
}

/// What a scenario is called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Short name: a-z, 0-9 and '-'. Clusters are named after it.
    pub name: crate::ids::ClusterId,
    /// One line for people.
    #[serde(default)]
    pub description: Option<String>,
}

/// A parameter's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ParamValue {
    /// true or false.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Number(f64),
    /// Text.
    Text(String),
}

impl std::fmt::Display for ParamValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            // With its fraction: a version 7.0 is not 7.
            Self::Number(value) => write!(f, "{value:?}"),
            Self::Text(value) => value.fmt(f),
        }
    }
}
