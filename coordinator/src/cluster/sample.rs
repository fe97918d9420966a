//! Clusters for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use throng_common::ids::Incarnation;
use throng_common::scenario::model::Scenario;
use throng_common::status::{NodePhase, NodeStatus, UnixMillis};

use super::{ClusterRecord, ClusterState};
use crate::planner::plan::Plan;

/// One that is up, of which nothing more was ever asked.
pub(crate) fn up(id: &str, scenario: Scenario, plan: Plan) -> ClusterRecord {
    ClusterRecord {
        id: id.parse().expect("tests give ids"),
        scenario,
        plan,
        bundle_dir: PathBuf::new(),
        files: BTreeMap::new(),
        wanted: BTreeMap::new(),
        incarnations: BTreeMap::new(),
        prepared: BTreeSet::new(),
        sysctls: BTreeMap::new(),
        former_hosts: BTreeSet::new(),
        state: ClusterState::Up,
        created: UnixMillis(0),
        pending: None,
    }
}

/// A node that is ready.
pub(crate) fn ready(cluster: &str, node: &str) -> NodeStatus {
    NodeStatus {
        cluster: cluster.parse().expect("tests give ids"),
        node: node.parse().expect("tests give names"),
        phase: NodePhase::Ready,
        reason: None,
        incarnation: Incarnation(1),
        restarts: 0,
        container_id: None,
        image_id: None,
        pid: None,
        started_at: None,
        ready_at: None,
        observed_at: UnixMillis(0),
    }
}
