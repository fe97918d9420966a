//! What the engine is told and what it says, in our words.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use throng_common::size::ByteSize;
use throng_common::status::{EngineFacts, UnixMillis};

/// The engine's id of a container.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContainerId(pub String);

impl ContainerId {
    /// The id as text; names are accepted by the engine too.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What is known of the engine, with what only the agent needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineInfo {
    /// What the coordinator is told too.
    pub facts: EngineFacts,
    /// Whether it can put its tiny init in front of a container's process.
    pub has_init: bool,
    /// Where it keeps its data.
    pub data_root: PathBuf,
    /// The hard limit of open files that it can give to a container; none where unknown.
    pub nofile_hard: Option<u64>,
}

/// Everything a container is created from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContainerPlan {
    /// Its name.
    pub name: String,
    /// The image's name.
    pub image: String,
    /// Its host name.
    pub hostname: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Arguments; empty: the image's.
    pub command: Vec<String>,
    /// Replaces the image's entrypoint.
    pub entrypoint: Option<Vec<String>>,
    /// Environment variables.
    pub env: Vec<(String, String)>,
    /// User; none: the image's.
    pub user: Option<String>,
    /// Working folder; none: the image's.
    pub workdir: Option<String>,
    /// Folders and files of the host that it sees.
    pub binds: Vec<Bind>,
    /// Small tmpfs folders by path.
    pub scratch: Vec<(String, ByteSize)>,
    /// Capabilities kept; all others are dropped.
    pub capabilities: Vec<String>,
    /// Whether its root file system is read-only.
    pub read_only: bool,
    /// Memory limit; swap is never given on top.
    pub memory: Option<ByteSize>,
    /// CPU limit in thousandths of a core.
    pub cpu_millis: Option<u64>,
    /// Most processes and threads.
    pub pids: Option<u32>,
    /// Most open files.
    pub nofile: Option<u64>,
    /// Whether the engine's tiny init reaps its orphans.
    pub init: bool,
    /// Number of the signal that asks it to end.
    pub stop_signal: i32,
    /// How long it may take to end.
    pub stop_grace: Duration,
}

/// A folder or file of the host that a container sees. Mounts on the host made later do not show in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bind {
    /// Where it lies on the host.
    pub source: PathBuf,
    /// Where the container sees it.
    pub target: String,
    /// Whether the container cannot write to it.
    pub read_only: bool,
}

/// A container as a list shows it: cheap, one call for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSummary {
    /// Its id.
    pub id: ContainerId,
    /// Its name, without a slash.
    pub name: String,
    /// Its state.
    pub state: ContainerPhase,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The image's name.
    pub image: String,
    /// The image's id.
    pub image_id: Option<String>,
}

impl ContainerSummary {
    /// The value of one of our labels.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }
}

/// The engine's states of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContainerPhase {
    /// Never started.
    Created,
    /// Running.
    Running,
    /// Frozen; its process is there.
    Paused,
    /// Between two runs; we never ask the engine for that.
    Restarting,
    /// On its way out.
    Removing,
    /// Ended.
    Exited,
    /// Could not be removed; of no further use.
    Dead,
    /// A word that we do not know.
    Unknown,
}

impl ContainerPhase {
    /// Whether it has a process.
    pub fn has_process(self) -> bool {
        match self {
            Self::Running | Self::Paused | Self::Restarting => true,
            Self::Created | Self::Removing | Self::Exited | Self::Dead | Self::Unknown => false,
        }
    }
}

/// A container looked at closely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerState {
    /// Its id.
    pub id: ContainerId,
    /// Its name, without a slash.
    pub name: String,
    /// Its state.
    pub phase: ContainerPhase,
    /// The process id of its first process as this host's kernel knows it, while it runs.
    pub pid: Option<u32>,
    /// How it ended; none while it runs or before its first start.
    pub exit_code: Option<i64>,
    /// Whether the kernel killed one of its processes for memory. Such a container has failed, whatever its exit code.
    pub oom_killed: bool,
    /// When it was last started.
    pub started_at: Option<UnixMillis>,
    /// When it last ended.
    pub finished_at: Option<UnixMillis>,
    /// Why the engine could not start it.
    pub error: Option<String>,
    /// The id of the image that it was made from.
    pub image_id: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// Something that happened at the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineEvent {
    /// The stream was opened (anew): whatever happened before it was missed, so look at everything.
    Resync {
        /// Why the stream before it ended; none at the first.
        reason: Option<String>,
    },
    /// Something happened to a container of ours.
    Container(ContainerEvent),
}

/// Something that happened to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerEvent {
    /// The container.
    pub id: ContainerId,
    /// What.
    pub kind: ContainerEventKind,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// When, by the engine's clock.
    pub at: UnixMillis,
}

/// What happened to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerEventKind {
    /// It was started.
    Started,
    /// Its first process ended.
    Died {
        /// With this code; none where the engine did not say.
        exit_code: Option<i64>,
    },
    /// The kernel killed one of its processes for memory.
    OutOfMemory,
    /// It was removed.
    Destroyed,
}

/// An image that the engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    /// Its id: the digest of its configuration.
    pub id: String,
    /// Its digest in the registry it came from.
    pub repo_digest: Option<String>,
    /// Its size.
    pub size: ByteSize,
}

/// A pull of an image.
#[derive(Clone, Copy)]
pub struct Pull<'a> {
    /// The image.
    pub image: &'a str,
    /// With what its registry is asked; none: as nobody.
    pub login: Option<&'a RegistryLogin>,
    /// Is told how far the pull is. It must not block.
    pub progress: &'a (dyn Fn(PullProgress) + Send + Sync),
}

/// Name and password, or a token, for a registry.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryLogin {
    /// The registry.
    pub server: String,
    /// The user's name.
    pub username: String,
    /// The password.
    pub password: String,
    /// In place of both; may be empty.
    pub identity_token: String,
}

// Neither passwords nor tokens get into a log.
impl std::fmt::Debug for RegistryLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryLogin").field("server", &self.server).finish_non_exhaustive()
    }
}

/// How far a pull is: bytes of the layers that are known so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PullProgress {
    /// Those that are here.
    pub done_bytes: u64,
    /// All of them.
    pub total_bytes: u64,
}

/// A command to be run in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecRequest {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Environment variables on top of the container's.
    pub env: Vec<(String, String)>,
    /// What it reads; none: nothing to read.
    pub stdin: Option<Bytes>,
    /// Most bytes kept of each of its two outputs; the rest is read and dropped.
    pub output_max_bytes: usize,
    /// How long it may take before it is killed.
    pub timeout: Duration,
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutput {
    /// Its exit code; 128 plus the signal's number where a signal ended it.
    pub code: i64,
    /// What it wrote.
    pub stdout: Vec<u8>,
    /// What it wrote as errors.
    pub stderr: Vec<u8>,
    /// Whether some of its output was dropped.
    pub truncated: bool,
}

/// How a command ended, seen from the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecEnd {
    /// By itself.
    Done(ExecOutput),
    /// It took too long and was killed; this is what it had written.
    TimedOut(ExecOutput),
}

/// Which of a container's log lines are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Only the last so many; none: all.
    pub tail: Option<u64>,
    /// Only lines from this second on.
    pub since: Option<UnixMillis>,
    /// Whether the stream goes on with lines yet to come.
    pub follow: bool,
}

/// Which of its two outputs a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A line of a log as it is kept on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawLogLine {
    /// When it was written, in nanoseconds since 1970: lines are told apart by it.
    pub at_unix_nanos: u64,
    /// To which output.
    pub stream: OutputStream,
    /// Its text, without the line's end. Bytes that are no UTF-8 are replaced.
    pub text: String,
}

/// A file, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileContents {
    /// What was read.
    pub bytes: Vec<u8>,
    /// How large the file is.
    pub total_bytes: u64,
}

/// How much of a file is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSlice {
    /// Most bytes read.
    pub max_bytes: u64,
    /// Whether they are the last ones rather than the first.
    pub tail: bool,
}
