//! The cluster as programs see it: the JSON file given to `program` steps and shown by `throng status`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use throng_common::ids::{ClusterId, HostId, NodeName, RoleName};
use throng_common::ports::PortRange;
use throng_common::scenario::model::RunKind;

use super::plan::{HostPlan, NodePlan};
use super::texts::Texts;

/// The version of this description. It grows; a key that is there keeps its meaning.
pub const DESCRIPTION_FORMAT: u32 = 1;

/// A cluster: its hosts, roles and nodes, with everything a test needs to reach them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterDescription {
    /// The version of this description.
    pub format: u32,
    /// The cluster.
    pub cluster: ClusterId,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's folder.
    pub scenario_dir: String,
    /// The scenario's parameters, as text.
    pub params: BTreeMap<String, String>,
    /// The hosts.
    pub hosts: Vec<HostDescription>,
    /// The roles, by name.
    pub roles: BTreeMap<RoleName, RoleDescription>,
    /// All nodes, by role and index.
    pub nodes: Vec<NodeDescription>,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostDescription {
    /// The host.
    pub host: HostId,
    /// The address that its nodes listen on.
    pub address: IpAddr,
    /// How many nodes lie on it.
    pub nodes: usize,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleDescription {
    /// How its nodes run.
    pub run: RunKind,
    /// How many nodes.
    pub count: u32,
    /// How many must be up.
    pub quorum: u32,
    /// The image of a container role.
    pub image: Option<String>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeDescription {
    /// Its name.
    pub name: NodeName,
    /// Its host name: its own name, or that of the node beside which it lies.
    pub host_name: NodeName,
    /// Its role.
    pub role: RoleName,
    /// Its index within the role, from 0.
    pub index: u32,
    /// How it runs.
    pub run: RunKind,
    /// Its host.
    pub host: HostId,
    /// The address that it listens on.
    pub address: IpAddr,
    /// Its ports by name; of a range, the first.
    pub ports: BTreeMap<String, u16>,
    /// Those of its ports that are ranges, `first-last`.
    pub port_ranges: BTreeMap<String, PortRange>,
    /// Where it finds its ramdisks, by name.
    pub ramdisks: BTreeMap<String, String>,
    /// The folder that it may write to.
    pub dir: Option<String>,
    /// Its folder on the host's disk.
    pub disk: Option<String>,
    /// Where it finds the folders that it shares, by name.
    pub shared: BTreeMap<String, String>,
}

/// Describes a planned cluster.
pub fn describe(texts: &Texts<'_>) -> ClusterDescription {
    let plan = texts.plan();
    let host =
        |host: &HostPlan| HostDescription { host: host.host.clone(), address: host.address, nodes: host.nodes.len() };
    let roles = plan.roles.iter().map(|(name, role)| {
        let described =
            RoleDescription { run: role.run, count: role.count, quorum: role.quorum, image: role.image.clone() };
        (name.clone(), described)
    });
    let mut nodes: Vec<NodeDescription> =
        plan.nodes().filter_map(|(host, node)| describe_node(texts, host, node)).collect();
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    ClusterDescription {
        format: DESCRIPTION_FORMAT,
        cluster: plan.cluster.clone(),
        scenario: plan.scenario.clone(),
        scenario_dir: plan.scenario_dir.clone(),
        params: texts.scenario().param.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
        hosts: plan.hosts.iter().map(host).collect(),
        roles: roles.collect(),
        nodes,
    }
}

/// None for a node whose role the scenario no longer has.
fn describe_node(texts: &Texts<'_>, host: &HostPlan, node: &NodePlan) -> Option<NodeDescription> {
    let role = texts.scenario().role.get(node.name.role())?;
    let ramdisk = |name: &String| Some((name.clone(), texts.ramdisk_path(host, node, role, name)?));
    let ranges = node.ports.iter().filter(|ports| ports.range.count() > 1);
    let host_name = role.with.clone().map(|with| NodeName::new(with, node.name.index()));
    Some(NodeDescription {
        name: node.name.clone(),
        host_name: host_name.unwrap_or_else(|| node.name.clone()),
        role: node.name.role().clone(),
        index: node.name.index(),
        run: role.run,
        host: host.host.clone(),
        address: host.address,
        ports: node.ports.iter().map(|ports| (ports.name.clone(), ports.range.first())).collect(),
        port_ranges: ranges.map(|ports| (ports.name.clone(), ports.range)).collect(),
        ramdisks: role.ramdisk.keys().filter_map(ramdisk).collect(),
        dir: texts.dir(host, node, role),
        disk: texts.disk(host, node, role),
        shared: role
            .shared
            .iter()
            .filter_map(|name| Some((name.clone(), texts.shared_path(host, role, name)?)))
            .collect(),
    })
}
