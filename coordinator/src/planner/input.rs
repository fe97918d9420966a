//! What a plan is made of.

use std::collections::BTreeMap;

use throng_common::ids::{ClusterId, HostId, RoleName};
use throng_common::ports::PortSet;
use throng_common::scenario::model::Scenario;
use throng_common::size::ByteSize;
use throng_common::status::HostFacts;

use super::plan::Plan;

/// Everything that a plan depends on.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    /// The scenario, checked, with the counts that are wanted now.
    pub scenario: &'a Scenario,
    /// The cluster.
    pub cluster: &'a ClusterId,
    /// The user of processes whose role names none: `uid:gid` or a name.
    pub caller: &'a str,
    /// The absolute folder of the scenario.
    pub scenario_dir: &'a str,
    /// The images of container roles, as the engine knows them (built ones have a tag of their contents).
    /// A role that is missing here keeps the name that the scenario gives.
    pub images: &'a BTreeMap<RoleName, String>,
    /// The hosts, in a fixed order: it decides addresses and placement.
    pub hosts: &'a [HostInput],
    /// The plan before, when a cluster is scaled: nodes that stay keep host, slot and ports.
    pub previous: Option<&'a Plan>,
    /// Whether it is only to be shown: an engine that does not answer is then noted, for nothing is asked of it.
    pub preview: bool,
}

/// A host and what is taken on it.
#[derive(Debug, Clone, PartialEq)]
pub struct HostInput {
    /// The host.
    pub host: HostId,
    /// What its agent says of it.
    pub facts: HostFacts,
    /// Ports that other live clusters were given on it.
    pub other_ports: PortSet,
    /// Memory that other live clusters were promised on it, their engine overhead included.
    pub other_memory: ByteSize,
}
