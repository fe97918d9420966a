//! What a shim says: who runs, and how it ended.

use std::fmt;
use std::fs;
use std::io;

use serde::{Deserialize, Serialize};
use throng_common::status::UnixMillis;

use crate::host::procs::table::Procs;

/// A process that can be told from another one that got its id later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessId {
    /// Its id.
    pub pid: u32,
    /// When it began, in clock ticks since boot.
    pub start_ticks: u64,
}

/// Who runs: `pid.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PidRecord {
    /// The node's first process.
    pub process: ProcessId,
    /// Its shim.
    pub shim: ProcessId,
    /// The boot in which those ids mean something.
    pub boot_id: String,
    /// When it was started.
    pub started_at: UnixMillis,
}

/// How it ended: `exit.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// How.
    pub exit: ExitCause,
    /// When.
    pub at: UnixMillis,
    /// Whether the kernel killed one of its processes for memory while it ran.
    #[serde(default)]
    pub oom_killed: bool,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitCause {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It never began: why.
    CouldNotStart(String),
}

impl fmt::Display for ExitCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "ended with code {code}"),
            Self::Signal(signal) => match nix::sys::signal::Signal::try_from(*signal) {
                Ok(known) => write!(f, "ended by {known}"),
                Err(_) => write!(f, "ended by signal {signal}"),
            },
            Self::CouldNotStart(why) => write!(f, "could not start: {why}"),
        }
    }
}

impl ProcessId {
    /// The process that has this id now.
    pub fn of(pid: u32) -> io::Result<Self> {
        Ok(Self { pid, start_ticks: Procs::default().stat(pid)?.start_ticks })
    }

    /// Whether it is there and not merely waiting to be reaped.
    pub fn is_alive(self) -> bool {
        let stat = Procs::default().stat(self.pid);
        stat.is_ok_and(|stat| stat.start_ticks == self.start_ticks && !matches!(stat.state, 'Z' | 'X'))
    }
}

/// For tests: another boot's id, in the place of this one's.
pub const BOOT_ID_VARIABLE: &str = "THRONG_TEST_BOOT_ID";

/// The id of this boot.
pub fn boot_id() -> io::Result<String> {
    if let Ok(id) = std::env::var(BOOT_ID_VARIABLE) {
        return Ok(id);
    }
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// The time by this machine's clock.
pub fn now() -> UnixMillis {
    UnixMillis(now_unix_nanos() / 1_000_000)
}

/// The time by this machine's clock, in nanoseconds since 1970.
pub fn now_unix_nanos() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
