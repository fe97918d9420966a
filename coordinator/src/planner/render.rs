//! From a plan to what every host is told: all placeholders filled in, so that an agent knows no scenario.

use std::collections::{BTreeMap, BTreeSet};

use throng_common::host_spec::{ClusterSpec, DesiredState};
use throng_common::ids::{HostId, Incarnation, NodeName, RoleName};

use super::node_spec::node_spec;
use super::plan::HostPlan;
use super::preparing::Preparing;
use super::texts::{TextError, Texts};

/// What the hosts' desired state is made of, besides the plan and the scenario.
#[derive(Debug, Clone, Copy)]
pub struct RenderInput<'a> {
    /// The plan and its scenario.
    pub texts: &'a Texts<'a>,
    /// The contents of the files that `files.*.source` names, by the path as the scenario writes it.
    pub files: &'a BTreeMap<String, Vec<u8>>,
    /// Whether a role's nodes shall run. One that is missing here is stopped: its turn has not come.
    pub desired: &'a BTreeMap<RoleName, DesiredState>,
    /// How often a node was asked to begin anew; 0 for one that is missing here.
    pub incarnations: &'a BTreeMap<NodeName, Incarnation>,
    /// Nodes that run or ran, of those for which others wait, for they prepare for them too.
    pub prepared: &'a BTreeSet<NodeName>,
}

/// Why a node cannot be told what to do. A checked scenario with all its files gives none of these.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A text of its role cannot be filled in.
    #[error("{node}: role.{role}.{key}", role = node.role())]
    Text {
        /// The node.
        node: NodeName,
        /// The key of its role.
        key: String,
        /// Why.
        #[source]
        source: TextError,
    },
    /// The role has gone from the scenario since the plan was made.
    #[error("{node}: the scenario has no role {role}: plan again", role = node.role())]
    NoRole {
        /// The node.
        node: NodeName,
    },
    /// A container role without an image.
    #[error("{node}: the image of role.{role} is not built yet", role = node.role())]
    NoImage {
        /// The node.
        node: NodeName,
    },
    /// A file's contents are missing.
    #[error("{node}: the bundle lacks {path}, named by role.{role}.files", role = node.role())]
    NoFile {
        /// The node.
        node: NodeName,
        /// The path as the scenario writes it.
        path: String,
    },
    /// A template that is not text.
    #[error("{node}: {path} has `template = true` and is not UTF-8 text")]
    NotText {
        /// The node.
        node: NodeName,
        /// The path as the scenario writes it, or the path in the node.
        path: String,
    },
}

/// The cluster's part of every host that the plan names, in the plan's order.
///
/// # Errors
/// The first node and key that cannot be filled in.
pub fn host_spec(input: &RenderInput<'_>) -> Result<Vec<(HostId, ClusterSpec)>, RenderError> {
    let names = input.texts.plan().names();
    let preparing = Preparing::new(input.texts.plan(), input.texts.scenario(), input.prepared);
    let spec = |host: &HostPlan| {
        let nodes = host
            .nodes
            .iter()
            .map(|node| node_spec(input, host, node, preparing.before(&host.host, &node.name)))
            .collect::<Result<Vec<_>, RenderError>>()?;
        let spec = ClusterSpec {
            cluster: input.texts.plan().cluster.clone(),
            address: host.address,
            manage_address: host.manage_address,
            names: names.clone(),
            ports: host.reserved.clone(),
            sysctls: host.sysctls.iter().map(|sysctl| sysctl.spec.clone()).collect(),
            pace: host.pace,
            nodes,
        };
        Ok((host.host.clone(), spec))
    };
    input.texts.plan().hosts.iter().map(spec).collect()
}
