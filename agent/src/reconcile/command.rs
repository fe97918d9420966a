//! What goes into the core and what comes out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use throng_common::host_spec::{ClusterSpec, NodeSpec, Probe};
use throng_common::ids::{ClusterId, Incarnation, NodeName};
use throng_common::status::{Reason, SysctlChange, UnixMillis};

use throng_failpoints::{Fault, planted};

use super::engine_state::EngineState;
use super::node_state::{Action, NodeState, Presence, Running, Strays};
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
    /// How it is asked whether it is ready; none: it is ready as soon as it runs.
    pub fn probe(&self) -> Option<&Probe> {
        self.spec.ready.as_ref().filter(|_| !planted(Fault::SkipProbe))
    }

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
        /// Which asking this answers: one before it says nothing any more.
        number: u64,
        /// The answer.
        news: ProbeNews,
    },
    /// Everything was looked at: what runs, whoever started it.
    Found {
        /// The core's moment when the look began.
        began: u64,
        /// What was found.
        found: Vec<Found>,
        /// What could not be seen.
        unseen: Unseen,
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

/// What a look could not see, and why: what it did not find of that says nothing. By default it saw everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unseen {
    /// Containers: the engine did not list them.
    pub containers: Option<Reason>,
    /// Processes of the host: their folders could not be listed.
    pub processes: Option<Reason>,
    /// Nodes whose files could not be read.
    pub nodes: BTreeMap<Key, Reason>,
    /// Nodes of whose containers processes live that the engine does not see.
    pub strays: BTreeSet<Key>,
}

impl Unseen {
    /// Whether a node of which nothing was found is not there.
    pub fn rules_out(&self, key: &Key, presence: &Presence) -> bool {
        let (containers, processes) = (self.containers.is_none(), self.processes.is_none());
        let is_seen = match presence {
            Presence::Running(Running { container: None, .. }) => processes,
            Presence::Running(_) => containers,
            Presence::Absent | Presence::Created { .. } | Presence::Ended { .. } | Presence::Unknown => {
                containers && processes
            }
        };
        is_seen && !self.nodes.contains_key(key)
    }

    /// Why processes could not all be seen.
    pub fn of_processes(&self) -> impl Iterator<Item = &Reason> {
        self.processes.iter().chain(self.nodes.values())
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
        /// Whether processes of its container may live that the engine does not see; none: as before.
        strays: Option<Strays>,
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
    pub occupied: BTreeSet<ClusterId>,
    /// Whether process nodes could not be looked at yet: nobody knows of which clusters something is left.
    pub blind: bool,
}

impl HostSettings {
    /// Whether it is known what each cluster needs of which a node may be left. Before that, nothing is put back.
    pub fn are_of_all(&self) -> bool {
        !self.blind && self.occupied.iter().all(|id| self.clusters.iter().any(|cluster| cluster.cluster == *id))
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
        /// The number of this asking.
        number: u64,
        /// Whether it is ready, by an asking before this one.
        is_ready: bool,
    },
    /// Ask it no more.
    EndProbe(Key),
    /// Write down nodes that were found running and that the ledger does not know.
    Record(Vec<Adopted>),
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
