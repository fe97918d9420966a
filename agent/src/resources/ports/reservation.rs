//! The ports of a cluster as a want of a kernel setting. Pure.

use throng_common::host_spec::{ClusterSpec, SysctlSpec, SysctlWant};
use throng_common::sysctl_keys::RESERVED_PORTS;

use crate::resources::sysctl::plan::ClusterWant;

/// What all clusters of a host want of its kernel settings, their ports' reservations included.
pub fn wants(clusters: &[ClusterSpec]) -> Vec<ClusterWant> {
    let of_cluster = |cluster: &ClusterSpec| {
        let want = |spec: SysctlSpec| ClusterWant { cluster: cluster.cluster.clone(), spec };
        let specs = cluster.sysctls.iter().cloned().chain(reservation(cluster));
        specs.map(want).collect::<Vec<_>>()
    };
    clusters.iter().flat_map(of_cluster).collect()
}

/// Required: without it an outgoing connection can take a node's port, also between two starts of the node.
fn reservation(cluster: &ClusterSpec) -> Option<SysctlSpec> {
    (!cluster.ports.is_empty()).then(|| SysctlSpec {
        key: RESERVED_PORTS.to_owned(),
        want: SysctlWant::Ports(cluster.ports.clone()),
        required: true,
        reason: "outgoing connections must not take the nodes' ports".to_owned(),
    })
}
