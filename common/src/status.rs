//! What an agent saw: of its nodes, of its host, and what it found left over.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{ClusterId, Generation, Incarnation, NodeName};
use crate::ports::PortSet;

/// Milliseconds since 1970-01-01 UTC, by the clock of the host that says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// The time from `earlier` to this, none if it lies later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodePhase {
    /// Known, nothing done yet.
    Pending,
    /// Its resources or its prepare command are under way.
    Preparing,
    /// It was started and is not ready yet.
    Starting,
    /// It runs and answers its probe.
    Ready,
    /// It runs and no longer answers its probe.
    Unready,
    /// It ended by itself and is about to be started again.
    Backoff,
    /// It is being stopped.
    Stopping,
    /// It has its resources and does not run, as desired.
    Stopped,
    /// It does not run and will not be started again: see the reason.
    Failed,
    /// The engine does not say. Neither failed nor gone.
    Unknown,
}

impl NodePhase {
    /// Whether its process is there.
    pub fn is_running(self) -> bool {
        match self {
            Self::Starting | Self::Ready | Self::Unready => true,
            Self::Pending
            | Self::Preparing
            | Self::Backoff
            | Self::Stopping
            | Self::Stopped
            | Self::Failed
            | Self::Unknown => false,
        }
    }
}

/// Why a node is in its phase, in a kind that programs can tell and words for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The kind.
    pub kind: ReasonKind,
    /// One line: what happened, worded alike wherever the cause is the same, so that the reasons of many nodes fold.
    pub message: String,
    /// One line of what is this node's own of it: an address, how long it ran, what it said last; may be empty.
    #[serde(default)]
    pub detail: String,
}

impl Reason {
    /// A reason with nothing of the node's own to it.
    pub fn new(kind: ReasonKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), detail: String::new() }
    }

    /// The same, with what is the node's own.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.detail.as_str() {
            "" => f.write_str(&self.message),
            detail => write!(f, "{} ({detail})", self.message),
        }
    }
}

/// The kinds of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonKind {
    /// It ended with a code.
    Exited,
    /// It was ended by a signal.
    Signalled,
    /// It ran into its memory limit.
    OutOfMemory,
    /// One of its ports is held by somebody else.
    PortTaken,
    /// A ramdisk could not be mounted, or is not what it should be.
    Ramdisk,
    /// The image is missing or cannot be had.
    Image,
    /// Its prepare command failed.
    Prepare,
    /// It runs and has not answered its probe in time.
    Probe,
    /// A kernel setting that it needs could not be made.
    Sysctl,
    /// The engine refused.
    Engine,
    /// The engine is away, or answers questions with an error of its own.
    EngineUnreachable,
    /// The engine takes calls and does not answer them.
    EngineHung,
    /// The host refused something else: a folder, a file, a limit.
    Host,
    /// It was lost: the host was rebooted, or somebody else removed it.
    Lost,
}

impl ReasonKind {
    /// Whether it tells of the engine alone and nothing of the node: it is neither failed nor gone.
    pub fn is_silence(self) -> bool {
        match self {
            Self::EngineUnreachable | Self::EngineHung => true,
            Self::Exited
            | Self::Signalled
            | Self::OutOfMemory
            | Self::PortTaken
            | Self::Ramdisk
            | Self::Image
            | Self::Prepare
            | Self::Probe
            | Self::Sysctl
            | Self::Engine
            | Self::Host
            | Self::Lost => false,
        }
    }
}

/// What an agent last saw of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// The cluster.
    pub cluster: ClusterId,
    /// The node.
    pub node: NodeName,
    /// Where it stands.
    pub phase: NodePhase,
    /// Why, where there is something to say.
    pub reason: Option<Reason>,
    /// The incarnation that runs, or ran last.
    pub incarnation: Incarnation,
    /// How often the agent started it again because it had ended by itself.
    pub restarts: u32,
    /// The engine's id of its container.
    pub container_id: Option<String>,
    /// The engine's id of the image that its container was made from.
    pub image_id: Option<String>,
    /// The process id of its first process, while it runs.
    pub pid: Option<u32>,
    /// When it was last started.
    pub started_at: Option<UnixMillis>,
    /// When it last became ready.
    pub ready_at: Option<UnixMillis>,
    /// When the agent saw this.
    pub observed_at: UnixMillis,
}

/// What an agent saw of its host's work as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostProgress {
    /// The generation that the agent holds.
    pub generation: Generation,
    /// Whether nothing is left to do for it (failed nodes are not waited for).
    pub settled: bool,
    /// The clusters for which something is left to do.
    pub unsettled: Vec<ClusterId>,
    /// What stands in the way on the host, not on one node: a sysctl, the engine, the disk.
    pub problems: Vec<Reason>,
    /// All clusters that have a part here or of which a node is left.
    pub clusters: Vec<ClusterId>,
}

/// A sysctl that an agent changed, with what it was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SysctlChange {
    /// Its name with dots.
    pub key: String,
    /// The value before.
    pub original: String,
    /// The value that the agent wrote.
    pub written: String,
}

/// What an agent streams to its coordinator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum AgentEvent {
    /// A node changed. The first events of a stream give all nodes.
    Node(NodeStatus),
    /// A node is no longer desired and nothing of it is left.
    Gone {
        /// The cluster.
        cluster: ClusterId,
        /// The node.
        node: NodeName,
    },
    /// The host's work changed.
    Progress(HostProgress),
    /// A sysctl was written; the coordinator keeps a copy of the original.
    Sysctl(SysctlChange),
    /// A sample of the host.
    Host(HostSample),
    /// Samples of nodes.
    Nodes(Vec<NodeSample>),
}

/// A sample of a host.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HostSample {
    /// When.
    pub at: UnixMillis,
    /// Cores busy, 0 to the number of cores.
    pub cpu_busy_cores: f64,
    /// One-minute load.
    pub load_1m: f64,
    /// Memory that programs can still have.
    pub memory_available_bytes: u64,
    /// PSI "some", percent of the last 10 s; none where the kernel has no PSI.
    pub psi_cpu_some_percent: Option<f64>,
    /// As above, for memory.
    pub psi_memory_some_percent: Option<f64>,
    /// As above, for input and output.
    pub psi_io_some_percent: Option<f64>,
    /// Free space of the file system that holds the agent's state.
    pub disk_free_bytes: u64,
    /// Received on all interfaces but loopback, since boot.
    pub net_received_bytes: u64,
    /// Sent on all interfaces but loopback, since boot.
    pub net_sent_bytes: u64,
    /// How late the latest tick of the agent's ticker came since the last sample; none: no ticker runs.
    pub late_max: Option<Duration>,
    /// Time since boot, suspended time included: a step of the clock shows against it.
    pub uptime: Duration,
    /// Cores that the hypervisor gave to somebody else, since the last sample.
    pub cpu_stolen_cores: f64,
    /// Time since boot in which somebody waited for a CPU (PSI "some"); none where the kernel has no PSI.
    pub psi_cpu_stalled: Option<Duration>,
    /// As above, for memory.
    pub psi_memory_stalled: Option<Duration>,
    /// As above, for input and output.
    pub psi_io_stalled: Option<Duration>,
    /// Processes that the kernel killed for memory since boot, those of nodes included.
    pub oom_kills: u64,
    /// Free space of the file system that holds the engine's data; none where unknown.
    pub engine_disk_free_bytes: Option<u64>,
    /// Read from disks since boot.
    pub disk_read_bytes: u64,
    /// Written to disks since boot.
    pub disk_written_bytes: u64,
    /// Who used the host since the last sample; empty unless somebody waited for it and it was looked for.
    pub uses: Vec<PartyUse>,
}

/// Those who share a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Party {
    /// The nodes of all clusters, and the commands that run in them.
    Nodes,
    /// The container engine with its helpers.
    Engine,
    /// Agent, coordinator, command line, and the programs of tests.
    Throng,
    /// Everybody else, containers that are none of throng's included.
    Others,
}

impl Party {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Nodes, Self::Engine, Self::Throng, Self::Others];
}

/// What a party used of a host, since the last look at it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartyUse {
    /// Who.
    pub party: Party,
    /// Cores.
    pub cpu_cores: f64,
    /// Memory that it holds; pages that processes share count for each of them.
    pub memory_bytes: u64,
    /// Read from disks and given to be written, in bytes a second.
    pub io_bytes_per_second: u64,
    /// The process with most of the CPU time, of the memory and of the input and output, as far as there is one.
    pub top: TopProcesses,
}

/// The processes of a party that used most.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopProcesses {
    /// Most CPU time.
    pub cpu: Option<TopProcess>,
    /// Most memory.
    pub memory: Option<TopProcess>,
    /// Most input and output.
    pub io: Option<TopProcess>,
}

/// A process that used most of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopProcess {
    /// Its id.
    pub pid: u32,
    /// The short name of its program.
    pub name: String,
}

/// A sample of a node, from its cgroup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSample {
    /// The cluster.
    pub cluster: ClusterId,
    /// The node.
    pub node: NodeName,
    /// When.
    pub at: UnixMillis,
    /// CPU time used, since its start.
    pub cpu_usage_micros: u64,
    /// Time it waited because of its CPU limit.
    pub throttled_micros: u64,
    /// Anonymous memory.
    pub anonymous_bytes: u64,
    /// Pages of its ramdisks in use.
    pub ramdisk_bytes: u64,
    /// Kernel memory charged to it; none where the kernel does not say.
    pub kernel_bytes: Option<u64>,
    /// Processes of it that the kernel killed for memory, since its start.
    pub oom_kills: u64,
}

/// What an agent is and what its host has. Read without side effects, also by `throng-agent facts`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostFacts {
    /// The machine's own host name.
    pub hostname: String,
    /// The kernel's release.
    pub kernel: String,
    /// The boot's id.
    pub boot_id: String,
    /// Cores that may be used.
    pub cpu_cores: u32,
    /// Memory in all.
    pub memory_total_bytes: u64,
    /// Memory that programs can still have.
    pub memory_available_bytes: u64,
    /// 1 or 2; 1 also for hybrid hosts, whose controllers are in the first.
    pub cgroup_version: u32,
    /// The container engine; none where no engine answers.
    pub engine: Option<EngineFacts>,
    /// Why there is no engine.
    pub engine_problem: Option<String>,
    /// Where the agent keeps what must not outlive a boot.
    pub run_dir: String,
    /// Where the agent keeps what must.
    pub state_dir: String,
    /// The sysctls that the planner knows, as they stand now, by name.
    pub sysctls: std::collections::BTreeMap<String, String>,
    /// Whether the agent lies in a child pid namespace, so that the ancestors' `kernel.pid_max` is unknown.
    pub child_pid_namespace: bool,
    /// Hard limit of open files that the engine has; none where unknown.
    pub engine_nofile_hard: Option<u64>,
    /// Hard limit of open files that the agent has.
    pub agent_nofile_hard: u64,
    /// Whether the engine may give nodes more than it has itself, up to `fs.nr_open` (`CAP_SYS_RESOURCE`).
    #[serde(default)]
    pub engine_lifts_limits: bool,
    /// Whether the agent may.
    #[serde(default)]
    pub agent_lifts_limits: bool,
    /// Keys of the kernel's that root holds now.
    #[serde(default)]
    pub root_keys: u64,
    /// Processes and threads that exist now.
    pub tasks: u64,
    /// Open files of the whole system, now.
    pub open_files: u64,
    /// Ports on which somebody listens now, TCP, on any address.
    pub listening_ports: PortSet,
    /// Addresses of the machine.
    pub addresses: Vec<std::net::IpAddr>,
    /// The clock, so that the coordinator can tell how far apart they are.
    pub now: UnixMillis,
    /// Free space of the file system that holds the engine's data; none where unknown.
    pub engine_disk_free_bytes: Option<u64>,
}

/// What is known of a container engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineFacts {
    /// Its version.
    pub version: String,
    /// Its API's version.
    pub api_version: String,
    /// Its socket.
    pub socket: String,
    /// Its storage driver.
    pub storage_driver: String,
    /// Its cgroup driver.
    pub cgroup_driver: String,
    /// Whether containers survive its restart.
    pub live_restore: bool,
    /// Rootless, Docker Desktop or snap: why it cannot be used; none if it can.
    pub unusable: Option<String>,
    /// Its process id, where it could be found.
    pub pid: Option<u32>,
}

/// The kinds of what a teardown can leave behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResidueKind {
    /// A container, in any state.
    Container,
    /// A mount, in any mount namespace.
    Mount,
    /// A process.
    Process,
    /// A control group.
    Cgroup,
    /// Ports in `ip_local_reserved_ports`.
    ReservedPorts,
    /// A sysctl that was not put back.
    Sysctl,
    /// A block in the hosts file.
    HostsFile,
    /// An address on `lo`.
    Address,
    /// A folder or file.
    Directory,
}

impl ResidueKind {
    /// Whether it is a setting of the kernel's, which bears no cluster's mark.
    pub fn is_setting(self) -> bool {
        matches!(self, Self::Sysctl | Self::ReservedPorts)
    }
}

/// Something left behind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Residue {
    /// Of what kind.
    pub kind: ResidueKind,
    /// The cluster, where it can be told.
    pub cluster: Option<ClusterId>,
    /// What exactly: an id, a path, a pid.
    pub subject: String,
    /// What a person can do about it.
    pub remedy: String,
}

/// What an audit looks for beyond what the kernel and the engine mark as throng's: the journalled plan knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AuditScope {
    /// Only this cluster; none: everything of throng that no cluster of `live` owns.
    pub cluster: Option<ClusterId>,
    /// Clusters that are meant to be there.
    pub live: Vec<ClusterId>,
    /// Ports that must no longer be reserved.
    pub ports: PortSet,
    /// Sysctls that must have their original value again.
    pub sysctls: Vec<SysctlChange>,
    /// An address that must no longer be on `lo`.
    pub address: Option<std::net::IpAddr>,
}
