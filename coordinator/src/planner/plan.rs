//! The plan of a cluster: who lies where, with which ports, and how near every limit is.
//!
//! It is journalled as JSON, so that a coordinator that starts anew knows what it had decided: what is rendered later
//! (texts, host specs) needs the plan and the scenario, and no host's facts.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use throng_common::host_spec::{HostEntry, NamedPorts, StartPace, SysctlSpec};
use throng_common::ids::{ClusterId, HostId, NodeName, RoleName};
use throng_common::ports::{PortRange, PortSet};
use throng_common::scenario::model::RunKind;
use throng_common::size::ByteSize;
use throng_common::span::Span;

use super::limit::Limit;

/// Everything decided about a cluster before anything is started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The cluster.
    pub cluster: ClusterId,
    /// The scenario's name.
    pub scenario: String,
    /// The absolute folder of the scenario on the machine of whoever called throng.
    pub scenario_dir: String,
    /// The user of processes whose role names none: `uid:gid` or a name.
    pub caller: String,
    /// What was decided for each role.
    pub roles: BTreeMap<RoleName, RolePlan>,
    /// Roles in the order of their start: those of one wave start together.
    pub waves: Vec<Vec<RoleName>>,
    /// The hosts, in the order in which they were given.
    pub hosts: Vec<HostPlan>,
    /// The role by whose count the limits are judged: the container role with the most nodes.
    pub largest: RoleName,
    /// All limits, the one that breaks first at the front.
    pub limits: Vec<Limit>,
    /// What a person should know and that stops nothing.
    pub notes: Vec<String>,
}

/// What was decided for a role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolePlan {
    /// How its nodes run.
    pub run: RunKind,
    /// How many nodes.
    pub count: u32,
    /// Which wave starts it, from 0.
    pub wave: u32,
    /// The image of a container role, as the engine knows it.
    pub image: Option<String>,
    /// What one node may use: its limit, or its ramdisks where it has none.
    pub memory: ByteSize,
    /// Most starts a second over the whole fleet.
    pub starts_per_second: Option<f64>,
    /// CPU time that one start takes, as far as the scenario says.
    #[serde(default)]
    pub start_cpu: Option<Span>,
    /// The nodes that must be up.
    pub quorum: u32,
    /// How long the start may take.
    pub timeout: Span,
}

/// What was decided for a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostPlan {
    /// The host.
    pub host: HostId,
    /// The address that its nodes listen on.
    pub address: IpAddr,
    /// Whether the agent adds the address to `lo` and removes it at the end.
    pub manage_address: bool,
    /// Cores that may be used; 0 in a plan that was made before this was kept.
    #[serde(default)]
    pub cores: u32,
    /// Where its agent keeps what must not outlive a boot.
    pub run_dir: String,
    /// Where its agent keeps what must.
    pub state_dir: String,
    /// Its nodes, by role and index.
    pub nodes: Vec<NodePlan>,
    /// All ports of its nodes.
    pub reserved: PortSet,
    /// Its memory, summed up.
    pub memory: MemorySum,
    /// Its kernel settings.
    pub sysctls: Vec<SysctlPlan>,
    /// How fast its nodes are started.
    pub pace: StartPace,
    /// What ran on it before this cluster.
    pub baseline: Baseline,
}

/// What was decided for a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePlan {
    /// The node.
    pub name: NodeName,
    /// Its place on its host, from 0: kept for its life, given to another when it is gone.
    pub slot: u32,
    /// Its consecutive ports out of the pool; none if its role asks for none.
    pub block: Option<PortRange>,
    /// All its ports by name, derived ones too.
    pub ports: Vec<NamedPorts>,
}

/// The memory of a host, summed up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemorySum {
    /// By role: how many nodes, and how much each may use.
    pub roles: Vec<RoleMemory>,
    /// How many containers.
    pub containers: u32,
    /// What the engine needs for each container.
    pub engine_each: ByteSize,
    /// What other clusters were promised.
    pub others: ByteSize,
    /// What is left alone.
    pub reserve: ByteSize,
    /// All of it.
    pub used: ByteSize,
    /// What the host has.
    pub total: ByteSize,
    /// By how much more than the host has is admitted.
    pub overcommit: f64,
}

/// The memory of one role's nodes on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleMemory {
    /// The role.
    pub role: RoleName,
    /// How many nodes lie on the host.
    pub count: u32,
    /// How much each may use.
    pub each: ByteSize,
}

/// A kernel setting with what it is now and what it will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SysctlPlan {
    /// What the agent is told.
    pub spec: SysctlSpec,
    /// Its value before throng; none where the host did not say.
    pub now: Option<String>,
    /// Its value afterwards.
    pub then: String,
    /// Whether it must be written.
    pub changes: bool,
}

/// What ran on a host before this cluster. Kept over `scale`, so that the cluster's own tasks are not counted twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Processes and threads.
    pub tasks: u64,
    /// Open files of the whole system.
    pub open_files: u64,
    /// Connections that a firewall with state follows.
    #[serde(default)]
    pub followed: u64,
    /// Keys of root's.
    #[serde(default)]
    pub keys: u64,
}

impl Plan {
    /// All nodes with their hosts, host by host.
    pub fn nodes(&self) -> impl Iterator<Item = (&HostPlan, &NodePlan)> {
        self.hosts.iter().flat_map(|host| host.nodes.iter().map(move |node| (host, node)))
    }

    /// A node with its host. Walks over all nodes: for many look-ups, use [`super::texts::Texts`].
    pub fn node(&self, name: &NodeName) -> Option<(&HostPlan, &NodePlan)> {
        self.nodes().find(|(_, node)| node.name == *name)
    }

    /// The cluster's part of the hosts file: one line a node, since some resolvers cut long lines (musl: 1 KiB).
    pub fn names(&self) -> Vec<HostEntry> {
        let entry = |(host, node): (&HostPlan, &NodePlan)| HostEntry {
            address: host.address,
            names: vec![node.name.to_string()],
        };
        self.nodes().map(entry).collect()
    }

    /// How many nodes it has.
    pub fn node_count(&self) -> usize {
        self.hosts.iter().map(|host| host.nodes.len()).sum()
    }
}

impl HostPlan {
    /// Whether a node lies on it.
    pub fn holds(&self, node: &NodeName) -> bool {
        self.nodes.iter().any(|planned| planned.name == *node)
    }
}

impl NodePlan {
    /// Its ports of this name.
    pub fn port(&self, name: &str) -> Option<PortRange> {
        self.ports.iter().find(|ports| ports.name == name).map(|ports| ports.range)
    }

    /// All its ports.
    pub fn all_ports(&self) -> PortSet {
        self.ports.iter().map(|ports| ports.range).collect()
    }
}
