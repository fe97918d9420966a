//! What a shim is told. An agent reads what an older agent wrote: fields are only ever added, with a default.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The format's version.
pub const SHIM_VERSION: u32 = 1;
/// How large each of a node's two log files may become: what is kept of a node's output is between one and two of it.
pub const LOG_MAX_BYTES: u64 = 1024 * 1024;

/// What a shim runs and how it keeps its output: `shim.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShimSpec {
    /// [`SHIM_VERSION`].
    pub version: u32,
    /// The digest of what was asked for: another one means another process.
    pub digest: String,
    /// What is run.
    pub launch: LaunchSpec,
    /// How large each of the two log files may become.
    #[serde(default = "default_log_max")]
    pub log_max_bytes: u64,
}

fn default_log_max() -> u64 {
    LOG_MAX_BYTES
}

/// What the launcher does before it becomes the node's program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchSpec {
    /// Program (an absolute path, or looked up in PATH) and arguments.
    pub command: Vec<String>,
    /// Its whole environment but for what every program expects: PATH, HOME, USER, LOGNAME are filled in.
    pub env: Vec<(String, String)>,
    /// `uid[:gid]` or a name, with a group after a colon or not.
    pub user: String,
    /// Its working folder.
    pub workdir: PathBuf,
    /// The files that it writes itself into to enter its control groups.
    #[serde(default)]
    pub procs_files: Vec<PathBuf>,
    /// Most open files, as its soft limit and its hard one.
    #[serde(default)]
    pub nofile: Option<u64>,
    /// Its soft limit where that is not given: the agent's own is higher than that of other programs.
    #[serde(default)]
    pub nofile_soft: Option<u64>,
    /// How soon the kernel kills it when memory ends, best effort.
    #[serde(default)]
    pub oom_score_adj: Option<i32>,
}
