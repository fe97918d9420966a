//! What a node finds in its file system: files, ramdisks, a folder on the host's disk.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::mode::Mode;
use crate::size::ByteSize;

/// A file given to a node: its text, or a file beside the scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileDecl {
    /// The text itself.
    #[serde(default)]
    pub text: Option<String>,
    /// A file beside the scenario.
    #[serde(default)]
    pub source: Option<String>,
    /// Whether placeholders in it are filled in.
    #[serde(default)]
    pub template: bool,
    /// Permissions in octal.
    #[serde(default = "default_file_mode")]
    pub mode: Mode,
}

fn default_file_mode() -> Mode {
    Mode::FILE
}

/// A tmpfs of the node's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ramdisk {
    /// Where a container sees it. A process finds it at `{ramdisk.NAME}`.
    #[serde(default)]
    pub path: Option<String>,
    /// Its size.
    pub size: ByteSize,
    /// Most files on it. Default: one for every 4 KiB.
    #[serde(default)]
    pub inodes: Option<u64>,
    /// Owner of its root folder.
    #[serde(default)]
    pub uid: u32,
    /// Group of its root folder.
    #[serde(default)]
    pub gid: u32,
    /// Permissions of its root folder, in octal.
    #[serde(default = "default_ramdisk_mode")]
    pub mode: Mode,
    /// Whether its data outlive a restart of the node.
    #[serde(default = "super::role::yes")]
    pub keep_on_restart: bool,
}

fn default_ramdisk_mode() -> Mode {
    Mode::SHARED_FOLDER
}

/// A folder on the disk of every host, for all nodes there whose roles name it. What lies on it is bounded by the disk
/// alone, and lasts as long as the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Shared {
    /// Where containers see it. Default: where it lies on the host, so that all nodes know it under one path.
    pub path: Option<String>,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its permissions, in octal.
    pub mode: Mode,
}

impl Default for Shared {
    fn default() -> Self {
        Self { path: None, uid: 0, gid: 0, mode: Mode::SHARED_FOLDER }
    }
}

/// A folder of the node's own on the host's disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// Where a container sees it. A process finds it at `{node.disk}`.
    #[serde(default)]
    pub path: Option<String>,
    /// Whether its data outlive a restart of the node.
    #[serde(default = "super::role::yes")]
    pub keep_on_restart: bool,
}
