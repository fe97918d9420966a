//! A node's life: prepared, started, restarted, stopped.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::quorum::Quorum;
use crate::scenario::rate::Rate;
use crate::scenario::signal::Signal;
use crate::span::Span;

/// A command run once before a node's first start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prepare {
    /// Program and arguments, run with the node's image, limits, files and ramdisks.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// For whom it is run once.
    #[serde(default)]
    pub per: PreparePer,
    /// How long it may take.
    #[serde(default = "default_prepare_timeout")]
    pub timeout: Span,
}

/// For whom a prepare command is run once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PreparePer {
    /// Each node runs it.
    #[default]
    Node,
    /// The first node of the role on each host runs it; the others there begin when that one runs.
    Host,
    /// The first node of the role runs it; the others begin when that one runs.
    Cluster,
}

fn default_prepare_timeout() -> Span {
    Span::seconds(60)
}

/// How a node is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Stop {
    /// The signal that asks it to end: TERM, INT, QUIT, HUP, USR1, USR2, KILL, ABRT, STOP or CONT.
    pub signal: Signal,
    /// How long it may take before it is killed.
    pub grace: Span,
}

impl Default for Stop {
    fn default() -> Self {
        Self { signal: Signal::TERM, grace: Span::seconds(5) }
    }
}

/// When a node that ended by itself is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RestartWhen {
    /// Never.
    Never,
    /// When it ended with another code than 0, by a signal, or out of memory.
    #[default]
    Failure,
    /// Always.
    Always,
}

/// What happens when a node ends by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Restart {
    /// When it is started again.
    pub when: RestartWhen,
    /// How often in a row, before it counts as failed. A node that stays up for a minute starts to count anew.
    pub max: u32,
    /// The first wait; it doubles each time, up to 30 s.
    pub backoff: Span,
}

impl Default for Restart {
    fn default() -> Self {
        Self { when: RestartWhen::Failure, max: 5, backoff: Span::millis(500) }
    }
}

/// How a role is started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Start {
    /// Most starts a second over the whole fleet: `"40/s"`. Default: as fast as the hosts can.
    pub rate: Option<Rate>,
    /// Most nodes of the role on one host that were started and have not been ready yet, each counted for a minute at the
    /// most: for programs that keep the CPU busy while they start. Default: no bound.
    #[schemars(range(min = 1))]
    pub at_once: Option<u32>,
    /// The same for each core of the host. Of the two, the lower one holds. Default: no bound.
    #[schemars(range(min = 1))]
    pub at_once_per_core: Option<u32>,
    /// CPU time that one start takes, from which `plan` estimates how long all take. Reports say what it was of containers.
    pub cpu: Option<Span>,
    /// The share of nodes that must be up, as a percentage.
    pub quorum: Quorum,
    /// How long all of it may take.
    pub timeout: Span,
}

impl Start {
    /// Most nodes of the role on their way on a host of so many cores; none: no bound.
    pub fn most_at_once(&self, cores: u32) -> Option<u32> {
        let by_cores = self.at_once_per_core.map(|each| each.saturating_mul(cores.max(1)));
        self.at_once.into_iter().chain(by_cores).min()
    }
}

impl Default for Start {
    fn default() -> Self {
        Self {
            rate: None,
            at_once: None,
            at_once_per_core: None,
            cpu: None,
            quorum: Quorum::ALL,
            timeout: Span::seconds(300),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_bound_of_nodes_on_their_way_holds() {
        let start = |at_once, at_once_per_core| Start { at_once, at_once_per_core, ..Start::default() };
        assert_eq!(start(None, None).most_at_once(2), None);
        assert_eq!(start(Some(5), None).most_at_once(64), Some(5));
        assert_eq!(start(Some(5), Some(2)).most_at_once(2), Some(4));
        assert_eq!(start(Some(5), Some(2)).most_at_once(64), Some(5));
        // A plan that was made before cores were kept.
        assert_eq!(start(None, Some(2)).most_at_once(0), Some(2));
    }
}
