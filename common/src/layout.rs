//! Where a node's folders lie on its host: the one layout that the coordinator renders into placeholders and the agent
//! creates.
//!
//! Pure text: nothing is looked up. `run_dir` and `state_dir` come from [`crate::status::HostFacts`].

use crate::ids::{ClusterId, NodeName};

/// The folder of a cluster on one host; its hosts file is `hosts` in it.
pub fn cluster_dir(run_dir: &str, cluster: &ClusterId) -> String {
    format!("{run_dir}/{cluster}")
}

/// The hosts file of a cluster, bind-mounted into its containers.
pub fn hosts_file(run_dir: &str, cluster: &ClusterId) -> String {
    format!("{}/hosts", cluster_dir(run_dir, cluster))
}

/// The agent's folder for a node of what ends with a boot: shim files, ramdisks. Owned by root; not the node's to write.
pub fn node_dir(run_dir: &str, cluster: &ClusterId, node: &NodeName) -> String {
    format!("{}/{node}", cluster_dir(run_dir, cluster))
}

/// The agent's folder for a node on the host's disk: its work folder, rendered files, its `disk`.
pub fn node_disk_dir(state_dir: &str, cluster: &ClusterId, node: &NodeName) -> String {
    format!("{state_dir}/disk/{cluster}/{node}")
}

/// The node's own folder, `{node.dir}`: working folder of a process, owned by the process's user. Not below `/run`, which
/// distributions mount so that no program in it can be run, and which is memory.
pub fn work_dir(state_dir: &str, cluster: &ClusterId, node: &NodeName) -> String {
    format!("{}/work", node_disk_dir(state_dir, cluster, node))
}

/// The mount point of a ramdisk, `{ramdisk.NAME}` for a process.
pub fn ramdisk_dir(run_dir: &str, cluster: &ClusterId, node: &NodeName, ramdisk: &str) -> String {
    format!("{}/ramdisk/{ramdisk}", node_dir(run_dir, cluster, node))
}

/// The node's folder on the host's disk, `{node.disk}`.
pub fn disk_dir(state_dir: &str, cluster: &ClusterId, node: &NodeName) -> String {
    format!("{}/data", node_disk_dir(state_dir, cluster, node))
}

/// A folder on the host's disk that nodes share, `{shared.NAME}`. No node is named like what leads to it.
pub fn shared_dir(state_dir: &str, cluster: &ClusterId, name: &str) -> String {
    format!("{state_dir}/disk/{cluster}/.shared/{name}/data")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RoleName;

    #[test]
    fn every_folder_of_a_node_lies_in_its_clusters_folder() {
        let cluster = ClusterId::new("redis-x7k2").unwrap();
        let node = NodeName::new(RoleName::new("worker").unwrap(), 42);
        assert_eq!(hosts_file("/run/throng", &cluster), "/run/throng/redis-x7k2/hosts");
        assert_eq!(
            work_dir("/var/lib/throng-agent", &cluster, &node),
            "/var/lib/throng-agent/disk/redis-x7k2/worker-0042/work"
        );
        assert_eq!(
            ramdisk_dir("/run/throng", &cluster, &node, "data"),
            "/run/throng/redis-x7k2/worker-0042/ramdisk/data"
        );
        assert_eq!(
            disk_dir("/var/lib/throng-agent", &cluster, &node),
            "/var/lib/throng-agent/disk/redis-x7k2/worker-0042/data"
        );
        assert_eq!(
            shared_dir("/var/lib/throng-agent", &cluster, "ufs"),
            "/var/lib/throng-agent/disk/redis-x7k2/.shared/ufs/data"
        );
    }
}
