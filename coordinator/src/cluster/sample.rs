//! Clusters for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use throng_common::scenario::model::Scenario;
use throng_common::status::UnixMillis;

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
        state: ClusterState::Up,
        created: UnixMillis(0),
        pending: None,
    }
}
