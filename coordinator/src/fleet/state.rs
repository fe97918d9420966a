//! What is known of a host's link.

use std::sync::Arc;

use throng_common::ids::{ClusterId, Generation};
use throng_common::status::{HostFacts, UnixMillis};
use throng_proto::agent::HelloReply;
use throng_proto::convert::{DecodeError, text};

use super::DisconnectReason;

/// What an agent said of itself when it connected.
#[derive(Debug, Clone, PartialEq)]
pub struct Hello {
    /// Its build.
    pub build: String,
    /// The host's boot.
    pub boot_id: String,
    /// Version of its state on disk.
    pub schema: u32,
    /// What it can do beyond its version.
    pub capabilities: Vec<String>,
    /// What the host is and has.
    pub facts: Option<HostFacts>,
    /// The generation that it holds.
    pub generation: Generation,
    /// The clusters that it holds parts of.
    pub clusters: Vec<ClusterId>,
}

/// Where a host's link stands.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkState {
    /// The agent can be called.
    Connected {
        /// Number of the connection: grows with every connection of any host.
        connection: u64,
        /// Since when.
        since: UnixMillis,
        /// What it said of itself.
        hello: Arc<Hello>,
    },
    /// It was connected once in this life of the coordinator.
    Disconnected {
        /// Since when.
        since: UnixMillis,
        /// Why.
        reason: DisconnectReason,
    },
}

impl LinkState {
    /// Whether the agent can be called.
    pub fn is_connected(&self) -> bool {
        match self {
            Self::Connected { .. } => true,
            Self::Disconnected { .. } => false,
        }
    }
}

impl TryFrom<HelloReply> for Hello {
    type Error = DecodeError;
    fn try_from(reply: HelloReply) -> Result<Self, DecodeError> {
        let facts = reply.facts.map(HostFacts::try_from).transpose().map_err(|error| error.within("facts"))?;
        Ok(Self {
            build: reply.version.map(|version| version.build).unwrap_or_default(),
            boot_id: reply.boot_id,
            schema: reply.schema,
            capabilities: reply.capabilities,
            facts,
            generation: Generation(reply.generation),
            clusters: reply.clusters.iter().map(|id| text("clusters", id)).collect::<Result<_, _>>()?,
        })
    }
}
