//! The machines: who provides them, what is left alone on them, how their kernels are set.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::size::ByteSize;

/// Where a scenario runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fleet {
    /// Who provides the hosts.
    pub provider: Provider,
    /// The kind of hosts that a fleet which is only planned has.
    pub host: Option<HostKind>,
    /// The address that nodes of this machine listen on. Default: one of throng's own in 127.84.0.0/16. Inside 198.18.0.0/15 it is added to `lo` and removed at the end; any other must exist.
    pub address: Option<std::net::IpAddr>,
    /// The pool from which nodes get their ports, below the kernel's ephemeral range.
    pub ports: crate::ports::PortRange,
    /// What is left alone on every host.
    pub reserve: Reserve,
    /// Admit more memory than a host has, by this factor (1.0: never). Printed by `plan`.
    pub memory_overcommit: f64,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            provider: Provider::Local,
            host: None,
            address: None,
            ports: crate::ports::PortRange::new(20_000, 32_000).expect("20000 lies below 32000"),
            reserve: Reserve::default(),
            memory_overcommit: 1.0,
        }
    }
}

/// Who provides the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// This machine is the one host.
    #[default]
    Local,
    /// Nobody: `throng plan` says what such hosts would hold, and nothing can be started.
    PlanOnly,
}

/// A kind of hosts that are only planned for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostKind {
    /// Cores of each.
    #[schemars(range(min = 1, max = 4096))]
    pub cpus: u32,
    /// Memory of each.
    pub memory: ByteSize,
    /// How many there are. Default: as few as hold the cluster.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000))]
    pub count: Option<u32>,
}

/// What is left alone on every host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Reserve {
    /// Memory for the system, the engine and the agent.
    pub memory: ByteSize,
}

impl Default for Reserve {
    fn default() -> Self {
        Self { memory: ByteSize::mib(768) }
    }
}

/// Kernel settings of the hosts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tuning {
    /// Where the settings come from.
    pub profile: TuningProfile,
    /// Settings of your own, by their sysctl name. They win over the profile and may lower a value.
    pub sysctl: BTreeMap<String, SysctlValue>,
}

/// Where kernel settings come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TuningProfile {
    /// Derived from how many nodes a host holds; never lowers a value.
    #[default]
    Auto,
    /// Only what `sysctl` says, and the ports' reservation.
    None,
}

/// A sysctl's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SysctlValue {
    /// A number.
    Integer(i64),
    /// Anything else, as the file in /proc/sys takes it.
    Text(String),
}

impl std::fmt::Display for SysctlValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}
