//! What goes into the core and what comes out of it.

use std::sync::Arc;

use throng_common::host_spec::{ClusterSpec, NodeSpec};
use throng_common::ids::{ClusterId, Incarnation, NodeName};
use throng_common::status::{Reason, SysctlChange, UnixMillis};

use super::engine_state::EngineState;
use super::node_state::{Action, NodeState, Presence, Running};
use crate::probe::ProbeNews;

/// A node of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The cluster.
    pub cluster: ClusterId,
    /// The node.
    pub node: NodeName,
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.cluster, self.node)
    }
}

/// What is wanted of a node, with the digest under which a node made from it is labelled.
#[derive(Debug, Clone, PartialEq)]
pub struct WantedNode {
    /// The spec.
    pub spec: NodeSpec,
    /// The digest.
    pub digest: String,
    /// The address that it listens on.
    pub address: std::net::IpAddr,
}

impl WantedNode {
    /// Tells what runs from this very spec how it is to be stopped from now on; whether that is new to it.
    pub fn tell_stop(&self, running: &mut Running) -> bool {
        let is_new = running.digest == self.digest && running.stop != self.spec.stop;
        if is_new {
            running.stop = self.spec.stop.clone();
        }
        is_new
    }
}

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// Nothing but time.
    Tick,
    /// The work on a node came to an end.
    Acted(Acted),
    /// The work on the host came to an end.
    Settled(Settled),
    /// A container's or a process's end was seen.
    Ended {
        /// The node.
        key: Key,
        /// The process that ended, so that the end of an older one is not taken for this one's.
        pid: u32,
        /// Why.
        reason: Reason,
        /// Whether it counts as a failure.
        failed: bool,
    },
    /// A node answered its probe, or no longer does.
    Probed {
        /// The node.
        key: Key,
        /// The process that was probed.
        pid: u32,
        /// The answer.
        news: ProbeNews,
    },
    /// Everything was looked at: what runs, whoever started it.
    Found {
        /// The core's moment when the look began.
        began: u64,
        /// What was found.
        found: Vec<Found>,
        /// Of what all that there is was seen.
        seen: Seen,
    },
    /// A container's process is gone, by the kernel's word, and the engine does not say how it ended.
    Vanished {
        /// The node.
        key: Key,
        /// The process.
        pid: u32,
        /// Why nothing more is known.
        reason: Reason,
    },
    /// How the engine stands.
    Engine(EngineState),
}

/// Work on a node that came to an end.
#[derive(Debug)]
pub struct Acted {
    /// The node.
    pub key: Key,
    /// What was done.
    pub action: Action,
    /// The incarnation that it was done for, none where nothing was wanted: a newer one may be wanted by now.
    pub incarnation: Option<Incarnation>,
    /// What came of it.
    pub outcome: ActOutcome,
}

/// Of what a look saw all that there is: what it did not find of the rest says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Containers.
    pub containers: bool,
    /// Processes of the host.
    pub processes: bool,
}

impl Seen {
    /// Of everything.
    pub const ALL: Self = Self { containers: true, processes: true };

    /// Whether a node of which nothing was found is not there.
    pub fn rules_out(self, presence: &Presence) -> bool {
        match presence {
            Presence::Running(Running { container: None, .. }) => self.processes,
            Presence::Running(_) => self.containers,
            Presence::Absent | Presence::Created { .. } | Presence::Ended { .. } | Presence::Unknown => {
                self.containers && self.processes
            }
        }
    }
}

/// A node that was found on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The node.
    pub key: Key,
    /// What there is of it.
    pub presence: Presence,
    /// Its incarnation and counters, where the ledger knows them.
    pub remembered: Option<Remembered>,
    /// Why it ended, where it has.
    pub reason: Option<Reason>,
    /// Whether it was lost with an earlier boot: it does not begin anew unless somebody asks for it.
    pub of_earlier_boot: bool,
}

/// What the ledger knows of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// Its incarnation.
    pub incarnation: Incarnation,
    /// How often it was started again.
    pub restarts: u32,
    /// When it was started.
    pub started_at: UnixMillis,
}

/// What came of the work on a node.
#[derive(Debug)]
pub enum ActOutcome {
    /// It runs.
    Started(Running),
    /// It does not run; its resources are there.
    Stopped(Presence),
    /// Nothing of it is left.
    Removed,
    /// It could not be done; what there is of the node now, as far as it is known.
    Failed {
        /// Why.
        reason: Reason,
        /// What there is of it; none: as before.
        presence: Option<Presence>,
    },
}

/// What came of the work on the host.
#[derive(Debug, Default)]
pub struct Settled {
    /// The settings that were worked on.
    pub settings: HostSettings,
    /// Sysctls that were written.
    pub written: Vec<SysctlChange>,
    /// What does not stop nodes from being started.
    pub warnings: Vec<Reason>,
    /// What does.
    pub obstacles: Vec<Reason>,
}

/// What the host as a whole must have.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HostSettings {
    /// Clusters with nodes, wanted or not yet gone; without their nodes' specs.
    pub clusters: Vec<Arc<ClusterSpec>>,
    /// Clusters of which a node may be left: theirs is not taken away yet.
    pub occupied: std::collections::BTreeSet<ClusterId>,
}

impl HostSettings {
    /// Whether it is known what each cluster needs of which a node may be left. Before that, nothing is put back.
    pub fn are_of_all(&self) -> bool {
        self.occupied.iter().all(|id| self.clusters.iter().any(|cluster| cluster.cluster == *id))
    }
}

/// Something to be done.
#[derive(Debug, PartialEq)]
pub enum Command {
    /// Work on a node.
    Act(Box<Job>),
    /// Give the host its settings.
    Settle(HostSettings),
    /// Begin to ask a node whether it is ready.
    Probe {
        /// The node.
        key: Key,
        /// Its first process.
        pid: u32,
        /// What is wanted of it.
        wanted: Arc<WantedNode>,
    },
    /// Ask it no more.
    EndProbe(Key),
    /// Write down a node that was found running and that the ledger does not know.
    Record(Box<Adopted>),
    /// Say how a node stands.
    Publish(Key),
    /// Say that a node is gone.
    Gone(Key),
}

/// A node that was found running and is the one that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Adopted {
    /// The node.
    pub key: Key,
    /// What runs.
    pub running: Running,
    /// What is wanted of it.
    pub wanted: Arc<WantedNode>,
    /// How often it was started again by itself, as far as is known.
    pub restarts: u32,
    /// When it was started, as far as is known.
    pub started_at: UnixMillis,
}

/// Work on a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The node.
    pub key: Key,
    /// What.
    pub action: Action,
    /// What is wanted of it; none: it should go.
    pub wanted: Option<Arc<WantedNode>>,
    /// What is believed of it.
    pub state: NodeState,
}
