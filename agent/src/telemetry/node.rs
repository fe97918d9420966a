//! Samples of one node.

use std::path::PathBuf;

use throng_common::ids::{ClusterId, NodeName};
use throng_common::status::NodeSample;

use crate::facts::observe::now;
use crate::resources::cgroup::error::CgroupError;
use crate::resources::cgroup::figures::FigurePaths;
use crate::resources::ramdisk::verify::used_bytes;

/// Takes samples of one node. Made anew at every start of it: a container gets another group each time.
#[derive(Debug, Clone)]
pub struct NodeSampler {
    cluster: ClusterId,
    node: NodeName,
    figures: FigurePaths,
    ramdisks: Vec<PathBuf>,
}

impl NodeSampler {
    /// A sampler of a node whose group is known; `ramdisks` are its mount points on the host.
    pub fn new(cluster: ClusterId, node: NodeName, figures: FigurePaths, ramdisks: Vec<PathBuf>) -> Self {
        Self { cluster, node, figures, ramdisks }
    }

    /// A sample: five small files, and one question a ramdisk. An error where the group is gone with its node.
    ///
    /// A ramdisk's pages are asked of its file system: the group's own figure also counts shared memory, and forgets
    /// pages that an earlier incarnation of the node wrote.
    pub fn sample(&self) -> Result<NodeSample, CgroupError> {
        let figures = self.figures.read()?;
        Ok(NodeSample {
            cluster: self.cluster.clone(),
            node: self.node.clone(),
            at: now(),
            cpu_usage_micros: figures.cpu_usage_micros,
            throttled_micros: figures.throttled_micros,
            anonymous_bytes: figures.anonymous_bytes,
            ramdisk_bytes: self.ramdisks.iter().filter_map(|path| used_bytes(path).ok()).sum(),
            kernel_bytes: figures.kernel_bytes,
            oom_kills: figures.oom_kills,
        })
    }
}
