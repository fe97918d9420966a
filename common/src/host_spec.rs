//! What the coordinator wants of a host: the whole of it, with a generation, never a change to it.
//!
//! Everything is rendered: an agent fills in no placeholder and knows no scenario.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{ClusterId, Epoch, FleetId, Generation, HostId, Incarnation, NodeName};
use crate::ports::{PortRange, PortSet};
use crate::scenario::model::{PullPolicy, RestartWhen};
use crate::size::ByteSize;

/// The whole desired state of one host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostSpec {
    /// The fleet that the host belongs to.
    pub fleet: FleetId,
    /// The host.
    pub host: HostId,
    /// The coordinator's life.
    pub epoch: Epoch,
    /// The number of this state.
    pub generation: Generation,
    /// How long the host works on without its coordinator; none: for ever.
    pub lease: Option<Duration>,
    /// The clusters that have a part here. Of those that are named neither here nor as leaving, the coordinator knows
    /// nothing: their parts stay as the agent holds them, or as it finds them.
    pub clusters: Vec<ClusterSpec>,
    /// Clusters that shall have no part here: what there is of them is torn down.
    #[serde(default)]
    pub leaving: Vec<ClusterId>,
}

impl HostSpec {
    /// The clusters of which it says what is wanted: a part here, or none.
    pub fn named(&self) -> impl Iterator<Item = &ClusterId> {
        self.clusters.iter().map(|part| &part.cluster).chain(&self.leaving)
    }
}

/// One cluster's part of one host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterSpec {
    /// The cluster.
    pub cluster: ClusterId,
    /// The address that nodes of this host listen on.
    pub address: IpAddr,
    /// Whether the agent adds the address to `lo` and removes it at the end.
    pub manage_address: bool,
    /// All names of the cluster with their addresses, for the hosts file.
    pub names: Vec<HostEntry>,
    /// All ports of the cluster on this host.
    pub ports: PortSet,
    /// Kernel settings.
    pub sysctls: Vec<SysctlSpec>,
    /// How fast nodes are started.
    pub pace: StartPace,
    /// The nodes of this host.
    pub nodes: Vec<NodeSpec>,
}

/// An address and the names that it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostEntry {
    /// The address.
    pub address: IpAddr,
    /// Its names.
    pub names: Vec<String>,
}

/// A kernel setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SysctlSpec {
    /// Its name with dots: `kernel.pid_max`.
    pub key: String,
    /// What is wanted.
    pub want: SysctlWant,
    /// Whether a host on which it cannot be had is refused; else it is reported.
    pub required: bool,
    /// Why, for people.
    pub reason: String,
}

/// What is wanted of a kernel setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SysctlWant {
    /// A number that is at least this: a higher one is left alone.
    AtLeast(u64),
    /// Several numbers, each at least this (`tcp_rmem`).
    EachAtLeast(Vec<u64>),
    /// A list of ports that holds these.
    Ports(PortSet),
    /// Just this text.
    Exactly(String),
}

/// How fast nodes are started on one host.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StartPace {
    /// Most starts under way at once; 0: the agent chooses.
    pub parallel: u32,
    /// Most starts a second; none: no bound.
    pub per_second: Option<f64>,
}

/// Whether a node should run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DesiredState {
    /// It has its resources and does not run.
    Stopped,
    /// It runs.
    Running,
}

/// One node, everything filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// Its name; also its host name, unless a container was given another.
    pub name: NodeName,
    /// Whether it should run.
    pub desired: DesiredState,
    /// Raised to restart it.
    pub incarnation: Incarnation,
    /// How it runs.
    pub workload: Workload,
    /// Environment variables.
    pub env: Vec<(String, String)>,
    /// Files.
    pub files: Vec<FileSpec>,
    /// Ports by name.
    pub ports: Vec<NamedPorts>,
    /// Ramdisks.
    pub ramdisks: Vec<RamdiskSpec>,
    /// A folder on the host's disk.
    pub disk: Option<DiskSpec>,
    /// Folders on the host's disk that it shares with other nodes of its cluster there.
    #[serde(default)]
    pub shared: Vec<SharedSpec>,
    /// Limits.
    pub limits: Limits,
    /// Run once, to its end, before the first start.
    pub prepare: Option<PrepareSpec>,
    /// When it counts as ready; none: as soon as it runs.
    pub ready: Option<Probe>,
    /// How it is stopped.
    pub stop: StopSpec,
    /// What happens when it ends by itself.
    pub restart: RestartSpec,
    /// Most nodes of its role on this host that were started and have not been ready yet; 0: no bound.
    #[serde(default)]
    pub at_once: u32,
    /// Where its texts say how many nodes there are: a digest of its texts with that left open, in place of the texts
    /// themselves when it is judged whether what runs is still what is wanted. So a node is not replaced because others
    /// come or go; it has the new number when it is next started.
    #[serde(default)]
    pub structure: Option<String>,
}

/// How a node runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Workload {
    /// A plain process of the host.
    Process(ProcessSpec),
    /// A container with host networking.
    Container(ContainerSpec),
}

/// A plain process of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// Program (an absolute path, or looked up in PATH) and arguments; never empty.
    pub command: Vec<String>,
    /// `uid[:gid]` or a name; never empty.
    pub user: String,
    /// Working folder; none: the node's own.
    pub workdir: Option<String>,
}

/// A container with host networking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerSpec {
    /// The host name of a container that bears another node's; none: its own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<NodeName>,
    /// The image's name.
    pub image: String,
    /// When to ask a registry.
    pub pull: PullPolicy,
    /// Arguments; empty: the image's.
    pub command: Vec<String>,
    /// Replaces the image's entrypoint.
    pub entrypoint: Option<Vec<String>>,
    /// `uid[:gid]` or a name; none: the image's.
    pub user: Option<String>,
    /// Working folder; none: the image's.
    pub workdir: Option<String>,
    /// Capabilities kept.
    pub capabilities: Vec<String>,
    /// Whether its root file system is read-only.
    pub read_only: bool,
    /// Small tmpfs folders by path.
    pub scratch: Vec<(String, ByteSize)>,
}

/// A file given to a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSpec {
    /// Absolute path in a container; relative to the node's folder for a process.
    pub path: String,
    /// Its contents.
    pub contents: Vec<u8>,
    /// Permissions.
    pub mode: u32,
}

/// A named port, or a range of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedPorts {
    /// The name.
    pub name: String,
    /// The ports.
    pub range: PortRange,
}

/// A ramdisk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RamdiskSpec {
    /// Its name.
    pub name: String,
    /// Where a container sees it; none for a process.
    pub path: Option<String>,
    /// Its size.
    pub size: ByteSize,
    /// Most files on it.
    pub inodes: u64,
    /// Owner of its root.
    pub uid: u32,
    /// Group of its root.
    pub gid: u32,
    /// Permissions of its root.
    pub mode: u32,
    /// Whether its data outlive a restart.
    pub keep_on_restart: bool,
}

/// A folder on the host's disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskSpec {
    /// Where a container sees it; none for a process.
    pub path: Option<String>,
    /// Whether its data outlive a restart.
    pub keep_on_restart: bool,
}

/// A folder on the host's disk that nodes of a cluster share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedSpec {
    /// Its name.
    pub name: String,
    /// Where a container sees it; none: where it lies on the host.
    pub path: Option<String>,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its permissions.
    pub mode: u32,
}

/// Limits of a node.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Memory, ramdisks included.
    pub memory: Option<ByteSize>,
    /// CPU in thousandths of a core.
    pub cpu_millis: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u32>,
    /// Open files.
    pub nofile: Option<u64>,
}

/// A command run once before a node's first start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrepareSpec {
    /// Program and arguments.
    pub command: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
}

/// When a node counts as ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// How it is asked.
    pub check: ProbeCheck,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How often a ready node is asked again.
    pub interval: Duration,
}

/// How a node is asked whether it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProbeCheck {
    /// It accepts a connection, and answers.
    Tcp {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
        /// What is sent; empty: nothing.
        send: String,
        /// What the answer must contain; empty: any.
        expect: String,
    },
    /// It answers a GET with a status of 200 to 399.
    Http {
        /// The URL.
        url: String,
        /// What the body must contain; empty: any.
        expect: String,
    },
    /// A command run in it ends with code 0.
    Exec {
        /// Program and arguments.
        command: Vec<String>,
    },
}

/// How a node is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopSpec {
    /// The signal's number.
    pub signal: i32,
    /// How long it may take before it is killed.
    pub grace: Duration,
}

/// What happens when a node ends by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartSpec {
    /// When it is started again.
    pub when: RestartWhen,
    /// How often in a row.
    pub max: u32,
    /// The first wait.
    pub backoff: Duration,
}
