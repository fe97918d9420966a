//! A role: a kind of member of the system under test.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Disk, FileDecl, Image, Prepare, PullPolicy, Ramdisk, Ready, Restart, Seen, Start, Stop};
use crate::ids::RoleName;
use crate::scenario::ports::PortsDecl;
use crate::size::ByteSize;

/// How the members of a role run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunKind {
    /// A plain process on the host, not containerised: for the member whose performance is measured.
    Process,
    /// A container: for the members of which there are many.
    Container,
}

/// A kind of member of the system under test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// How its nodes run.
    pub run: RunKind,
    /// How many nodes; 0 where tests bring them.
    #[serde(default = "one")]
    pub count: u32,
    /// The role that this one is paired with, as a sidecar is: node `i` lies on the host of that role's node `i`, and a
    /// container has its host name.
    #[serde(default)]
    pub with: Option<RoleName>,
    /// Roles that must be up before this one starts.
    #[serde(default)]
    pub after: Vec<RoleName>,
    /// The image of a container role: a name, or `{ build = "script" }`.
    #[serde(default)]
    pub image: Option<Image>,
    /// When to ask a registry for the image.
    #[serde(default)]
    pub pull: PullPolicy,
    /// Program and arguments. Optional for a container whose image has its own.
    #[serde(default)]
    pub command: Vec<String>,
    /// Replaces the image's entrypoint.
    #[serde(default)]
    pub entrypoint: Option<Vec<String>>,
    /// Environment variables.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Files given to every node, by absolute path (for a process: relative to `{node.dir}`).
    #[serde(default)]
    pub files: BTreeMap<String, FileDecl>,
    /// Ports by name: a list of names, or a table.
    #[serde(default)]
    pub ports: PortsDecl,
    /// Ramdisks by name.
    #[serde(default)]
    pub ramdisk: BTreeMap<String, Ramdisk>,
    /// A folder of the node's own on the host's disk.
    #[serde(default)]
    pub disk: Option<Disk>,
    /// The folders of `[shared]` that its nodes have.
    #[serde(default)]
    pub shared: Vec<String>,
    /// Small writable tmpfs folders of a container, by path: `{ "/tmp" = "1MiB" }`. Emptied by a restart.
    #[serde(default)]
    pub scratch: BTreeMap<String, ByteSize>,
    /// Memory limit. It must hold the ramdisks too: their pages are charged to it.
    #[serde(default)]
    pub memory: Option<ByteSize>,
    /// CPU limit in cores.
    #[serde(default)]
    #[schemars(range(min = 0.01))]
    pub cpu: Option<f64>,
    /// Most processes and threads.
    #[serde(default = "default_pids")]
    #[schemars(range(min = 1))]
    pub pids: u32,
    /// Most open files.
    #[serde(default)]
    #[schemars(range(min = 16))]
    pub nofile: Option<u64>,
    /// User, as `uid`, `uid:gid` or a name. Default: the image's; for a process, whoever called throng.
    #[serde(default)]
    pub user: Option<String>,
    /// Working folder. Default: the image's; for a process, `{node.dir}`.
    #[serde(default)]
    pub workdir: Option<String>,
    /// Linux capabilities that a container keeps; all others are dropped.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// Whether a container's root file system is read-only.
    #[serde(default = "yes")]
    pub read_only: bool,
    /// A command run once in a node's place before its first start, to its end.
    #[serde(default)]
    pub prepare: Option<Prepare>,
    /// When a node counts as ready. Without it: as soon as it runs.
    #[serde(default)]
    pub ready: Option<Ready>,
    /// What the system under test itself says of each node.
    #[serde(default)]
    pub seen: Option<Seen>,
    /// How a node is stopped.
    #[serde(default)]
    pub stop: Stop,
    /// What happens when a node ends by itself.
    #[serde(default)]
    pub restart: Restart,
    /// How the role is started.
    #[serde(default)]
    pub start: Start,
    /// Files fetched into the artefacts when a test fails: absolute paths in the node.
    #[serde(default)]
    pub collect: Vec<String>,
}

impl Role {
    /// What its ramdisks and scratch folders may hold, all of it in memory.
    pub fn in_memory_max(&self) -> ByteSize {
        self.ramdisk.values().map(|ramdisk| ramdisk.size).chain(self.scratch.values().copied()).sum()
    }
}

pub(super) fn one() -> u32 {
    1
}

pub(super) fn yes() -> bool {
    true
}

fn default_pids() -> u32 {
    512
}
