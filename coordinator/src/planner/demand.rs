//! What a host must bear with so many nodes of each role on it.

use super::hosts::HostBase;
use super::needs::{ENGINE_FILES_EACH, NODE_CONNECTIONS_EXPECTED, RoleNeeds};

/// Open files of an idle dockerd and of the requests under way. Measured with Docker 20.10: 21 idle.
pub(super) const ENGINE_FILES_BASE: u64 = 64;
/// Mounts of a host before any cluster; no agent reports them. A systemd host has 40 to 100.
pub(super) const MOUNTS_BASE: u64 = 200;
/// inotify instances of root before any cluster. A systemd host has 10 to 30.
pub(super) const INOTIFY_BASE: u64 = 32;

/// What a host must bear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Demand {
    /// Nodes on the host.
    pub(super) nodes: u64,
    /// Those of them that are containers.
    pub(super) containers: u64,
    /// Nodes of the whole cluster: all of them may connect to one here at once.
    pub(super) cluster_nodes: u64,
    /// Hosts of the cluster, each with an address.
    pub(super) hosts: u64,
    /// Tasks if every node uses as many as it may.
    pub(super) tasks_allowed: u64,
    /// Tasks that are expected.
    pub(super) tasks: u64,
    /// Open files that are expected.
    pub(super) files: u64,
    /// Open files of the engine.
    pub(super) engine_files: u64,
    /// inotify instances of root.
    pub(super) inotify: u64,
    /// Mounts in the host's namespace.
    pub(super) mounts: u64,
    /// Keys of root's.
    pub(super) keys: u64,
    /// Connections that a firewall with state would follow.
    pub(super) followed: u64,
    /// The highest limit of open files that a node asks for.
    pub(super) nofile: u64,
}

/// The demand on a host with `counts` nodes of each role, in a cluster of `cluster_nodes` on `hosts` hosts.
pub(super) fn demand<'a>(
    host: &HostBase<'_>,
    needs: &[RoleNeeds<'a>],
    counts: &[u32],
    (cluster_nodes, hosts): (u64, u64),
) -> Demand {
    let total = |each: &dyn Fn(&RoleNeeds<'a>) -> u64| -> u64 {
        needs
            .iter()
            .zip(counts)
            .map(|(need, count)| each(need).saturating_mul(u64::from(*count)))
            .fold(0, u64::saturating_add)
    };
    let containers = total(&|need| u64::from(need.is_container()));
    let here = needs.iter().zip(counts).filter(|(_, count)| **count > 0);
    Demand {
        nodes: total(&|_| 1),
        containers,
        cluster_nodes,
        hosts,
        tasks_allowed: host.baseline.tasks.saturating_add(total(&RoleNeeds::tasks_allowed)),
        tasks: host.baseline.tasks.saturating_add(total(&RoleNeeds::tasks_expected)),
        files: host.baseline.open_files.saturating_add(total(&RoleNeeds::files_expected)),
        engine_files: ENGINE_FILES_BASE + ENGINE_FILES_EACH * containers,
        // With cgroup v2 a shim watches its container's memory events; with v1 it does so without inotify.
        inotify: INOTIFY_BASE + if host.input.facts.cgroup_version >= 2 { containers } else { 0 },
        mounts: MOUNTS_BASE + total(&RoleNeeds::mounts),
        keys: host.baseline.keys.saturating_add(total(&RoleNeeds::keys)),
        followed: host.baseline.followed.saturating_add(total(&|_| NODE_CONNECTIONS_EXPECTED)),
        nofile: here.filter_map(|(need, _)| need.role.nofile).max().unwrap_or(0),
    }
}
