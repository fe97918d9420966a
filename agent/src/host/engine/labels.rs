//! The labels on every container of throng. Everything that looks for our containers looks for these.

use std::collections::BTreeMap;

use throng_common::ids::{ClusterId, FleetId, Generation, NodeName};

/// The fleet.
pub const FLEET: &str = "throng.fleet";
/// The cluster. A container without it is not ours, whatever its name.
pub const CLUSTER: &str = "throng.cluster";
/// The role.
pub const ROLE: &str = "throng.role";
/// The node.
pub const NODE: &str = "throng.node";
/// The generation of the desired state that created the container.
pub const GENERATION: &str = "throng.generation";
/// The digest of what was asked for: another one means another container.
pub const SPEC: &str = "throng.spec";
/// The digest of the texts that a container was created with, where they may differ from those wanted without its being
/// replaced at once: another one means another container when the node is next started.
pub const TEXTS: &str = "throng.texts";

/// The labels that tell whose a container is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The fleet.
    pub fleet: &'a FleetId,
    /// The cluster.
    pub cluster: &'a ClusterId,
    /// The node.
    pub node: &'a NodeName,
    /// The generation that asks for it.
    pub generation: Generation,
}

impl Owner<'_> {
    /// All labels, with the digest of the spec.
    pub fn labels(&self, spec_digest: &str) -> BTreeMap<String, String> {
        [
            (FLEET, self.fleet.to_string()),
            (CLUSTER, self.cluster.to_string()),
            (ROLE, self.node.role().to_string()),
            (NODE, self.node.to_string()),
            (GENERATION, self.generation.0.to_string()),
            (SPEC, spec_digest.to_owned()),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
    }
}
