//! The load of a host during a run, as the report holds it.

use serde::{Deserialize, Serialize};
use throng_common::status::{PartyUse, UnixMillis};

/// The load of a host during a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostLoad {
    /// The figures over all of the time.
    pub summary: LoadSummary,
    /// The intervals, oldest first, a second each at the best. Of a long run, neighbours are merged.
    pub samples: Vec<LoadSample>,
}

/// The load of a host over the whole of a run. Stalled: somebody waited for it (PSI "some").
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadSummary {
    /// How long the host was watched.
    pub watched_millis: u64,
    /// The most cores that were busy.
    pub cpu_busy_cores: f64,
    /// The most cores that the hypervisor gave to somebody else.
    pub cpu_stolen_cores: f64,
    /// The most cores that nodes used.
    pub nodes_cpu_cores: f64,
    /// The least memory that programs could still have.
    pub memory_available_bytes: u64,
    /// The most memory that nodes held, ramdisks and kernel memory included.
    pub nodes_memory_bytes: u64,
    /// How long somebody waited for a CPU.
    pub cpu_stalled_millis: u64,
    /// How long somebody waited for memory.
    pub memory_stalled_millis: u64,
    /// How long somebody waited for input or output.
    pub io_stalled_millis: u64,
    /// How late the latest tick of the agent's ticker came.
    pub late_millis: Option<u64>,
    /// Processes that the kernel killed for memory.
    pub oom_kills: u64,
    /// Received on all interfaces but loopback.
    pub net_received_bytes: u64,
    /// Sent on all interfaces but loopback.
    pub net_sent_bytes: u64,
    /// Read from disks.
    pub disk_read_bytes: u64,
    /// Written to disks.
    pub disk_written_bytes: u64,
    /// The least free space, of the agent's file system and the engine's.
    pub disk_free_bytes: u64,
}

/// What a host went through in one interval.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadSample {
    /// Its end.
    pub at: UnixMillis,
    /// How long it is.
    pub took_millis: u64,
    /// Cores that were busy.
    pub cpu_busy_cores: f64,
    /// Cores that the hypervisor gave to somebody else.
    pub cpu_stolen_cores: f64,
    /// Cores that nodes used, those of other clusters too.
    pub nodes_cpu_cores: f64,
    /// Memory that programs could still have.
    pub memory_available_bytes: u64,
    /// Memory that nodes held, ramdisks and kernel memory included.
    pub nodes_memory_bytes: u64,
    /// Percent of the time in which somebody waited for a CPU; none where the kernel has no PSI.
    pub cpu_stalled_percent: Option<f64>,
    /// As above, for memory.
    pub memory_stalled_percent: Option<f64>,
    /// As above, for input and output.
    pub io_stalled_percent: Option<f64>,
    /// How late the latest tick of the agent's ticker came.
    pub late_millis: Option<u64>,
    /// Processes that the kernel killed for memory.
    pub oom_kills: u64,
    /// Received on all interfaces but loopback.
    pub net_received_bytes: u64,
    /// Sent on all interfaces but loopback.
    pub net_sent_bytes: u64,
    /// Read from disks.
    pub disk_read_bytes: u64,
    /// Written to disks.
    pub disk_written_bytes: u64,
    /// Free space, of the agent's file system and the engine's.
    pub disk_free_bytes: u64,
    /// By how much the host's clock was set, forward or (negative) back.
    #[serde(default)]
    pub clock_step_millis: i64,
    /// Who used the host; empty unless somebody waited for it and it was looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<PartyUse>,
}
