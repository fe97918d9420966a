//! Fills in the placeholders of a scenario's texts, for a node or for the cluster as a whole.
//!
//! In: a plan and its scenario, a text, perhaps a node, values that earlier steps saved. Out: the text as the node, the
//! probe or the test gets it. Where a node finds its folders is decided here, and nowhere else.

use std::borrow::Cow;
use std::collections::BTreeMap;

use throng_common::ids::{NodeName, RoleName};
use throng_common::layout;
use throng_common::scenario::model::{Role, RunKind, Scenario};
use throng_common::scenario::placeholder::{
    NodeField, Pick, Placeholder, PlaceholderError, PortRef, RoleField, render,
};

use super::plan::{HostPlan, NodePlan, Plan};

/// Why a text cannot be filled in. A checked scenario gives none of these but [`TextError::Saved`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It is malformed.
    #[error(transparent)]
    Placeholder(#[from] PlaceholderError),
    /// It speaks of "the node", and the text is for none.
    #[error("`{0}` needs a node, and this text is for the whole cluster: write {{role.R[0].…}}")]
    NoNode(String),
    /// There is no such role.
    #[error("`{0}`: there is no such role")]
    UnknownRole(String),
    /// The role has several nodes, or none with that index.
    #[error(
        "`{placeholder}`: {role} has {count} nodes: pick one with an index below that, like {{role.{role}[0].name}}"
    )]
    Pick {
        /// As it is written.
        placeholder: String,
        /// The role.
        role: RoleName,
        /// How many nodes it has.
        count: u32,
    },
    /// The role has no such port, ramdisk or parameter.
    #[error("`{0}`: nothing of that name is declared")]
    Undeclared(String),
    /// The node has no folder of its own.
    #[error("`{placeholder}`: {role} is a container without a folder of its own: give it `disk` or `scratch`")]
    NoFolder {
        /// As it is written.
        placeholder: String,
        /// The role.
        role: RoleName,
    },
    /// No step has saved such a value.
    #[error("`{0}`: no earlier step has saved it")]
    Saved(String),
}

/// Values that earlier steps saved, by name.
pub type Saved = BTreeMap<String, String>;

/// Where every node of a plan stands in it: host and place there. Made once for many texts.
#[derive(Debug, Clone, Default)]
pub struct NodeIndex(BTreeMap<NodeName, (usize, usize)>);

impl NodeIndex {
    /// Walks over all nodes.
    pub fn new(plan: &Plan) -> Self {
        let places = plan.hosts.iter().enumerate().flat_map(|(host, planned)| {
            planned.nodes.iter().enumerate().map(move |(at, node)| (node.name.clone(), (host, at)))
        });
        Self(places.collect())
    }
}

/// A plan with its scenario, ready to fill in many texts.
#[derive(Debug)]
pub struct Texts<'a> {
    plan: &'a Plan,
    scenario: &'a Scenario,
    index: Cow<'a, NodeIndex>,
}

/// A node with all that is known of it.
#[derive(Debug, Clone, Copy)]
struct Known<'a> {
    role: &'a Role,
    host: &'a HostPlan,
    node: &'a NodePlan,
}

impl<'a> Texts<'a> {
    /// Makes an index of the plan's nodes.
    pub fn new(plan: &'a Plan, scenario: &'a Scenario) -> Self {
        Self { plan, scenario, index: Cow::Owned(NodeIndex::new(plan)) }
    }

    /// Uses an index that was made of this very plan.
    pub fn with_index(plan: &'a Plan, scenario: &'a Scenario, index: &'a NodeIndex) -> Self {
        Self { plan, scenario, index: Cow::Borrowed(index) }
    }

    /// The plan.
    pub fn plan(&self) -> &'a Plan {
        self.plan
    }

    /// The scenario.
    pub fn scenario(&self) -> &'a Scenario {
        self.scenario
    }

    /// A node of the plan with its host.
    pub fn node(&self, name: &NodeName) -> Option<(&'a HostPlan, &'a NodePlan)> {
        let (host, at) = self.index.0.get(name)?;
        let host = self.plan.hosts.get(*host)?;
        Some((host, host.nodes.get(*at)?))
    }

    /// Fills a text in. `node` is the node that it is for; none for what concerns the whole cluster.
    pub fn resolve_text(&self, text: &str, node: Option<&NodeName>, saved: &Saved) -> Result<String, TextError> {
        let own = match node {
            Some(name) => Some(self.known(name).ok_or_else(|| TextError::UnknownRole(name.to_string()))?),
            None => None,
        };
        render(text, |placeholder| self.value(placeholder, own, saved))
    }

    fn known(&self, name: &NodeName) -> Option<Known<'a>> {
        let (host, node) = self.node(name)?;
        let role = self.scenario.role.get(name.role())?;
        Some(Known { role, host, node })
    }

    fn value(&self, placeholder: &Placeholder, own: Option<Known<'a>>, saved: &Saved) -> Result<String, TextError> {
        let shown = || placeholder.to_string();
        let need = || own.ok_or_else(|| TextError::NoNode(shown()));
        match placeholder {
            Placeholder::Node(field) => self.node_field(need()?, *field, placeholder),
            Placeholder::Port(port) => port_of(need()?.node, port, placeholder),
            Placeholder::Ramdisk(name) => {
                let known = need()?;
                self.ramdisk_path(known.host, known.node, known.role, name)
                    .ok_or_else(|| TextError::Undeclared(shown()))
            }
            Placeholder::Shared(name) => {
                let known = need()?;
                self.shared_path(known.host, known.role, name).ok_or_else(|| TextError::Undeclared(shown()))
            }
            Placeholder::Param(name) => {
                let value = self.scenario.param.get(name).ok_or_else(|| TextError::Undeclared(shown()))?;
                // Parameters of parameters are filled in when a scenario is loaded; what else a value speaks of is not.
                render(&value.to_string(), |inner| match inner {
                    Placeholder::Param(_) => Ok(inner.to_string()),
                    other => self.value(other, own, saved),
                })
            }
            Placeholder::Saved(name) => saved.get(name).cloned().ok_or_else(|| TextError::Saved(shown())),
            Placeholder::ScenarioDir => Ok(self.plan.scenario_dir.clone()),
            Placeholder::ScenarioName => Ok(self.plan.scenario.clone()),
            Placeholder::ClusterId => Ok(self.plan.cluster.to_string()),
            Placeholder::Role { role, pick, field } => self.role_field(placeholder, role, *pick, field, own),
        }
    }

    fn role_field(
        &self,
        placeholder: &Placeholder,
        role: &RoleName,
        pick: Pick,
        field: &RoleField,
        own: Option<Known<'a>>,
    ) -> Result<String, TextError> {
        let shown = || placeholder.to_string();
        let count = self.plan.roles.get(role).ok_or_else(|| TextError::UnknownRole(shown()))?.count;
        let picked = || {
            let index = match pick {
                Pick::Only if count == 1 => Some(0),
                Pick::Only => None,
                Pick::Index(index) => Some(index),
                Pick::Same => Some(own.ok_or_else(|| TextError::NoNode(shown()))?.node.name.index()),
            };
            index.and_then(|index| self.known(&NodeName::new(role.clone(), index))).ok_or_else(|| TextError::Pick {
                placeholder: shown(),
                role: role.clone(),
                count,
            })
        };
        match field {
            RoleField::Count => Ok(count.to_string()),
            RoleField::Names => {
                let names: Vec<String> =
                    (0..count).map(|index| NodeName::new(role.clone(), index).to_string()).collect();
                Ok(names.join(","))
            }
            RoleField::Node(field) => self.node_field(picked()?, *field, placeholder),
            RoleField::Port(port) => port_of(picked()?.node, port, placeholder),
        }
    }

    fn node_field(&self, known: Known<'_>, field: NodeField, placeholder: &Placeholder) -> Result<String, TextError> {
        let Known { role, host, node } = known;
        let folder = |path: Option<String>| {
            let missing =
                || TextError::NoFolder { placeholder: placeholder.to_string(), role: node.name.role().clone() };
            path.ok_or_else(missing)
        };
        match field {
            NodeField::Name => Ok(node.name.to_string()),
            NodeField::Index => Ok(node.name.index().to_string()),
            NodeField::Address => Ok(host.address.to_string()),
            NodeField::Role => Ok(node.name.role().to_string()),
            NodeField::Dir => folder(self.dir(host, node, role)),
            NodeField::Disk => folder(self.disk(host, node, role)),
        }
    }

    /// The folder that a node may write to: of a process its own on the host; of a container its disk, else its first
    /// scratch folder, else none.
    pub(super) fn dir(&self, host: &HostPlan, node: &NodePlan, role: &Role) -> Option<String> {
        match role.run {
            RunKind::Process => Some(layout::work_dir(&host.state_dir, &self.plan.cluster, &node.name)),
            RunKind::Container => self.disk(host, node, role).or_else(|| role.scratch.keys().next().cloned()),
        }
    }

    /// A node's folder on its host's disk, as the node sees it.
    pub(super) fn disk(&self, host: &HostPlan, node: &NodePlan, role: &Role) -> Option<String> {
        let disk = role.disk.as_ref()?;
        match role.run {
            RunKind::Process => Some(layout::disk_dir(&host.state_dir, &self.plan.cluster, &node.name)),
            RunKind::Container => disk.path.clone(),
        }
    }

    /// Where a node finds a folder that it shares.
    pub(super) fn shared_path(&self, host: &HostPlan, role: &Role, name: &str) -> Option<String> {
        let shared = self.scenario.shared.get(name).filter(|_| role.shared.iter().any(|own| own == name))?;
        let own = shared.path.clone().filter(|_| role.run == RunKind::Container);
        Some(own.unwrap_or_else(|| layout::shared_dir(&host.state_dir, &self.plan.cluster, name)))
    }

    /// Where a node finds a ramdisk.
    pub(super) fn ramdisk_path(&self, host: &HostPlan, node: &NodePlan, role: &Role, name: &str) -> Option<String> {
        let ramdisk = role.ramdisk.get(name)?;
        match role.run {
            RunKind::Process => Some(layout::ramdisk_dir(&host.run_dir, &self.plan.cluster, &node.name, name)),
            RunKind::Container => ramdisk.path.clone(),
        }
    }
}

fn port_of(node: &NodePlan, port: &PortRef, placeholder: &Placeholder) -> Result<String, TextError> {
    let range = node.port(&port.name).ok_or_else(|| TextError::Undeclared(placeholder.to_string()))?;
    Ok(if port.last { range.last() } else { range.first() }.to_string())
}
