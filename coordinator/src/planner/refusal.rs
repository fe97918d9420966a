//! Why there is no plan: all reasons at once, each with its arithmetic and what can be done about it.

use serde::Serialize;
use throng_common::ids::{HostId, RoleName};

use super::limit::LimitName;
use super::needs::NODES_PER_ROLE_MAX;

/// The plan does not fit.
#[derive(Debug, Clone, PartialEq, Serialize, thiserror::Error)]
#[error("{}", summary(.problems))]
pub struct PlanRefusal {
    /// All problems; never empty.
    pub problems: Vec<Problem>,
}

fn summary(problems: &[Problem]) -> String {
    match problems {
        [one] => one.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
        [] => "the plan is refused".to_owned(),
    }
}

/// One reason against a plan.
#[derive(Debug, Clone, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Problem {
    /// A fleet that is only planned cannot hold anything.
    #[error("fleet.provider is \"plan-only\": nobody provides these hosts")]
    PlanOnly,
    /// There is no host.
    #[error("there is no host to plan for")]
    NoHosts,
    /// More nodes of one role than are planned for.
    #[error("role.{role}.count is {count}: at most {NODES_PER_ROLE_MAX} nodes of a role are planned for")]
    TooManyNodes {
        /// The role.
        role: RoleName,
        /// Its count.
        count: u32,
    },
    /// A limit is exceeded.
    #[error("{limit}: {arithmetic} on host {host}")]
    OverLimit {
        /// Which.
        limit: LimitName,
        /// Where.
        host: HostId,
        /// How much would be in use.
        used: u64,
        /// How much there is.
        bound: u64,
        /// Most nodes of the largest role that this limit allows; 0 where lowering the count does not help.
        fits: u32,
        /// The sum in words, with the comparison that fails.
        arithmetic: String,
        /// What can be done.
        remedy: String,
    },
    /// Containers are wanted where no engine can run them.
    #[error("host {host} has no container engine that can be used: {reason}")]
    Engine {
        /// Where.
        host: HostId,
        /// Why.
        reason: String,
    },
    /// The address of `[fleet]` cannot be had.
    #[error("fleet.address {address} {reason} on host {host}")]
    Address {
        /// Which.
        address: std::net::IpAddr,
        /// Where.
        host: HostId,
        /// Why.
        reason: &'static str,
    },
    /// A role's ports contradict each other.
    #[error("role.{role}.ports: {reason}")]
    PortLayout {
        /// The role.
        role: RoleName,
        /// Why.
        reason: String,
    },
    /// Roles wait for each other.
    #[error("the roles {roles} wait for each other (`after`)")]
    Cycle {
        /// Which, with commas.
        roles: String,
    },
    /// A role that is paired with one of fewer nodes.
    #[error("role.{role} has {count} nodes, and {with}, which it is paired with (`with`), has {partners}")]
    Unpaired {
        /// The role.
        role: RoleName,
        /// Its count.
        count: u32,
        /// The role that it is paired with.
        with: RoleName,
        /// That one's count.
        partners: u32,
    },
    /// A kernel setting that throng keeps itself.
    #[error("tuning.sysctl sets {key}, which throng itself keeps")]
    ReservedSysctl {
        /// Its name.
        key: String,
    },
}

impl Problem {
    /// Whether it is the machine that has to be mended, whatever the scenario asks for.
    pub fn is_of_the_environment(&self) -> bool {
        matches!(self, Self::Engine { .. })
    }

    /// What a person can do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::PlanOnly => {
                "`throng plan` shows what they would hold; fleet.provider = \"local\" without `host` runs it on this machine".to_owned()
            }
            Self::NoHosts => "start an agent: `throng hosts` shows those that there are".to_owned(),
            Self::TooManyNodes { .. } => "lower the count".to_owned(),
            Self::OverLimit { remedy, .. } => remedy.clone(),
            Self::Engine { .. } => "start or mend the engine on that host: `throng doctor` says how".to_owned(),
            Self::Address { .. } => {
                "name an address that the machine has, one in 127.0.0.0/8, or one in 198.18.0.0/15 (added and removed by throng); or leave it out".to_owned()
            }
            Self::PortLayout { .. } => "change `count` or `plus`".to_owned(),
            Self::Unpaired { role, with, .. } => format!("lower the count of {role}, or raise that of {with}"),
            Self::Cycle { .. } => "remove one of the `after` entries".to_owned(),
            Self::ReservedSysctl { .. } => "remove the key: the ports of all nodes are added to the list anyway".to_owned(),
        }
    }

    /// The limit that is exceeded, where it is one.
    pub fn limit(&self) -> Option<&LimitName> {
        match self {
            Self::OverLimit { limit, .. } => Some(limit),
            Self::PlanOnly
            | Self::NoHosts
            | Self::TooManyNodes { .. }
            | Self::Engine { .. }
            | Self::Address { .. }
            | Self::PortLayout { .. }
            | Self::Cycle { .. }
            | Self::Unpaired { .. }
            | Self::ReservedSysctl { .. } => None,
        }
    }
}
