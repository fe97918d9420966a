//! What is known of the hosts in the time of a test.

use std::collections::BTreeMap;
use std::time::Duration;

use throng_common::ids::{HostId, NodeName};
use throng_common::status::{ReasonKind, UnixMillis};

use crate::report::load::LoadSample;

/// What is known of all hosts, by the run's clock.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Witness {
    /// The hosts.
    pub hosts: BTreeMap<HostId, HostWitness>,
    /// Nodes that ended by themselves: nobody of throng's had sent them a signal.
    pub ends: Vec<End>,
}

/// A node that ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The node.
    pub node: NodeName,
    /// When.
    pub at: UnixMillis,
    /// How.
    pub kind: ReasonKind,
}

/// What is known of one host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HostWitness {
    /// Its cores.
    pub cores: f64,
    /// Its memory.
    pub memory_bytes: u64,
    /// The intervals between its samples, oldest first.
    pub seconds: Vec<Second>,
    /// What was wrong with it as a whole.
    pub troubles: Vec<Trouble>,
}

/// The interval between two samples of a host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Second {
    /// Its load.
    pub load: LoadSample,
    /// How long nodes waited in it because of their own CPU limits, those that did.
    pub throttled: BTreeMap<NodeName, Duration>,
    /// Processes of nodes in it that the kernel killed for memory.
    pub node_oom_kills: u64,
}

/// Something that was wrong with a host for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What.
    pub kind: TroubleKind,
    /// Since when.
    pub from: UnixMillis,
    /// Until when; none: it goes on.
    pub to: Option<UnixMillis>,
}

/// What can be wrong with a host as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TroubleKind {
    /// The container engine did not answer.
    EngineLost(String),
    /// The agent was not connected.
    Away,
}

/// A stretch of time, by the run's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its beginning.
    pub from: UnixMillis,
    /// Its end.
    pub to: UnixMillis,
}

impl Window {
    /// How long it is.
    pub fn length(self) -> Duration {
        self.to.since(self.from)
    }

    /// The same, begun so much earlier.
    #[must_use]
    pub fn with_margin(self, margin: Duration) -> Self {
        let millis = u64::try_from(margin.as_millis()).unwrap_or(u64::MAX);
        Self { from: UnixMillis(self.from.0.saturating_sub(millis)), ..self }
    }

    /// How much of another lies in it.
    pub fn overlap(self, other: Self) -> Duration {
        UnixMillis(self.to.0.min(other.to.0)).since(UnixMillis(self.from.0.max(other.from.0)))
    }
}

impl Second {
    /// Its time.
    pub fn window(&self) -> Window {
        Window { from: UnixMillis(self.load.at.0.saturating_sub(self.load.took_millis)), to: self.load.at }
    }
}

impl Trouble {
    /// Its time, as far as it lies before `now`.
    pub fn window(&self, now: UnixMillis) -> Window {
        Window { from: self.from, to: self.to.unwrap_or(now) }
    }
}
