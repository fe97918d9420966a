//! What is wanted: a node's ramdisks with their mount points and sources.

use std::path::PathBuf;

use serde::Serialize;
use throng_common::host_spec::RamdiskSpec;
use throng_common::ids::{ClusterId, NodeName};
use throng_failpoints::{Fault, planted};

use super::error::RamdiskError;
use crate::host::mounts::mounter::Root;
use crate::paths::Paths;

/// With what every source of a ramdisk of ours begins.
pub const SOURCE_PREFIX: &str = "throng:";

/// tmpfs counts in pages.
const PAGE_BYTES: u64 = 4096;

/// A ramdisk that should be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DesiredRamdisk {
    /// Its mount point on the host.
    pub path: PathBuf,
    /// Its source: `throng:<cluster>/<node>/<name>`.
    pub source: String,
    /// Its size, whole pages.
    pub size_bytes: u64,
    /// Most files on it, its root included.
    pub inodes: u64,
    /// Permissions of its root.
    pub mode: u32,
    /// Owner of its root.
    pub uid: u32,
    /// Group of its root.
    pub gid: u32,
    /// Whether its data outlive a restart of its node.
    pub keep_on_restart: bool,
}

impl DesiredRamdisk {
    /// A node's ramdisk as the host's specification asks for it.
    pub fn new(paths: &Paths, cluster: &ClusterId, node: &NodeName, spec: &RamdiskSpec) -> Result<Self, RamdiskError> {
        let letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if spec.name.is_empty() || spec.name.len() > 63 || !spec.name.chars().all(letter) {
            return Err(RamdiskError::Name { name: spec.name.clone() });
        }
        let times = if planted(Fault::MountLarger) { 2 } else { 1 };
        Ok(Self {
            path: paths.ramdisk_dir(cluster, node, &spec.name),
            source: format!("{}{}", source_of_node(cluster, node), spec.name),
            size_bytes: spec.size.as_bytes().div_ceil(PAGE_BYTES).max(1) * PAGE_BYTES * times,
            inodes: spec.inodes,
            mode: spec.mode,
            uid: spec.uid,
            gid: spec.gid,
            keep_on_restart: spec.keep_on_restart,
        })
    }

    /// What its root is to be like.
    pub fn root(&self) -> Root {
        Root { uid: self.uid, gid: self.gid, mode: self.mode }
    }

    /// The options that a tmpfs is mounted with.
    pub fn options(&self) -> String {
        let Self { mode, uid, gid, .. } = self;
        format!("{},mode={mode:o},uid={uid},gid={gid}", self.resize_options())
    }

    /// The options that can be changed while it is mounted.
    pub fn resize_options(&self) -> String {
        format!("size={},nr_inodes={}", self.size_bytes, self.inodes)
    }
}

/// With what the sources of a node's ramdisks begin.
pub fn source_of_node(cluster: &ClusterId, node: &NodeName) -> String {
    format!("{}{node}/", source_of_cluster(cluster))
}

/// With what the sources of a cluster's ramdisks begin.
pub fn source_of_cluster(cluster: &ClusterId) -> String {
    format!("{SOURCE_PREFIX}{cluster}/")
}
