//! Another scenario for a cluster that is there: planned with the plan that it has, and compared with what its nodes are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use throng_common::host_spec::{ClusterSpec, NodeSpec};
use throng_common::ids::{HostId, NodeName, RoleName};
use throng_common::scenario::model::Scenario;

use super::diff::{RoleDiff, needs_restart, roles, settings};
use crate::cluster::{ClusterRecord, LiveCluster, Pending};
use crate::core::{Core, CoreError, Reservation, rendered, rendered_as};
use crate::planner::plan::{NodePlan, Plan};
use crate::rollout::failure::RolloutError;
use crate::rollout::images;
use crate::rollout::prepare::{Admitted, make_plan, named_files, named_images};

/// Why a cluster cannot be brought to a scenario node by node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is not up.
    #[error("{cluster} is {state}: only a cluster that is up is brought to another scenario")]
    NotUp {
        /// The cluster.
        cluster: String,
        /// What it is.
        state: &'static str,
    },
    /// It is of another scenario.
    #[error("{cluster} is of scenario {is}, the file is of {given}")]
    OtherName {
        /// The cluster.
        cluster: String,
        /// Its scenario.
        is: String,
        /// The file's.
        given: String,
    },
    /// Roles come or go.
    #[error("roles come or go: {0}; take the cluster down and bring up the other")]
    Roles(String),
    /// Counts differ.
    #[error(
        "role {role} has {is} nodes, the file says {given}: `throng scale {role}={given}` first, or set it to {is}"
    )]
    Count {
        /// The role.
        role: RoleName,
        /// How many it has.
        is: u32,
        /// How many the file says.
        given: u32,
    },
    /// A role would become another kind of node: what there is of the one could not follow the other.
    #[error(
        "role {0} would change between container and process, which a cluster that is up cannot: take it down and bring it up"
    )]
    Kind(RoleName),
    /// Nodes would get other ports, or lie elsewhere.
    #[error(
        "{0} would get another place or other ports, which a cluster that is up cannot: take it down and bring it up"
    )]
    Moves(String),
    /// Another change is half done.
    #[error(
        "a change of {0} is half done: go on with the same file, or go back with the one before; then comes the next"
    )]
    HalfDone(String),
}

/// A scenario for a cluster, with its plan.
pub(super) struct Target {
    pub(super) pending: Pending,
    /// What hosts are told of nodes that have followed it.
    pub(super) specs: BTreeMap<NodeName, NodeSpec>,
    /// Until it is journalled.
    _room: Reservation,
}

/// What an update would change, role by role.
pub async fn diff_with(
    core: &Core,
    cluster: &Arc<LiveCluster>,
    admitted: &Admitted,
) -> Result<Vec<RoleDiff>, RolloutError> {
    let record = cluster.record();
    let mut target = Target::plan(core, &record, admitted).await?;
    target.set_images(&images::names(admitted)?);
    let target = target.rendered(&record)?;
    Ok(roles(&effective(&record)?, &target.specs))
}

impl Target {
    /// Plans a scenario for a cluster, or says why it cannot follow it while it is up.
    pub(super) async fn plan(core: &Core, record: &ClusterRecord, admitted: &Admitted) -> Result<Self, RolloutError> {
        check(record, &admitted.scenario)?;
        let Admitted { scenario, bundle, .. } = admitted;
        let (plan, room) =
            make_plan(core, &record.id, scenario, bundle, &named_images(scenario), Some(&record.plan)).await?;
        same_nodes(&record.plan, &plan)?;
        let files = named_files(scenario, bundle);
        let pending = Pending { scenario: scenario.clone(), plan, files, done: BTreeSet::new() };
        Ok(Self { pending, specs: BTreeMap::new(), _room: room })
    }

    /// The images that its roles have got.
    pub(super) fn set_images(&mut self, images: &BTreeMap<RoleName, String>) {
        for (name, image) in images {
            if let Some(role) = self.pending.plan.roles.get_mut(name) {
                role.image = Some(image.clone());
            }
        }
    }

    /// With what hosts are told of it.
    pub(super) fn rendered(mut self, record: &ClusterRecord) -> Result<Self, RolloutError> {
        let Pending { scenario, plan, files, .. } = &self.pending;
        self.specs = by_node(rendered_as(record, plan, scenario, files).map_err(CoreError::from)?);
        Ok(self)
    }

    /// The nodes that must be restarted to follow it, and those that are told.
    pub(super) fn changes(
        &self,
        record: &ClusterRecord,
    ) -> Result<(BTreeSet<NodeName>, BTreeSet<NodeName>), RolloutError> {
        let (mut restarted, mut told) = (BTreeSet::new(), BTreeSet::new());
        for (name, was) in effective(record)? {
            let Some(becomes) = self.specs.get(&name) else { continue };
            let changed = settings(&was, becomes);
            if changed.is_empty() {
                continue;
            }
            let set = if needs_restart(becomes, &changed) { &mut restarted } else { &mut told };
            set.insert(name);
        }
        Ok((restarted, told))
    }
}

/// What the hosts are told of every node now.
fn effective(record: &ClusterRecord) -> Result<BTreeMap<NodeName, NodeSpec>, RolloutError> {
    Ok(by_node(rendered(record).map_err(CoreError::from)?))
}

fn by_node(parts: Vec<(HostId, ClusterSpec)>) -> BTreeMap<NodeName, NodeSpec> {
    parts.into_iter().flat_map(|(_, part)| part.nodes).map(|node| (node.name.clone(), node)).collect()
}

fn check(record: &ClusterRecord, scenario: &Scenario) -> Result<(), TargetError> {
    let cluster = record.id.to_string();
    let (is, given) = (record.scenario.scenario.name.to_string(), scenario.scenario.name.to_string());
    if record.state != crate::cluster::ClusterState::Up {
        return Err(TargetError::NotUp { cluster, state: record.state.word() });
    }
    if is != given {
        return Err(TargetError::OtherName { cluster, is, given });
    }
    let names = |scenario: &Scenario| scenario.role.keys().cloned().collect::<BTreeSet<_>>();
    let (before, after) = (names(&record.scenario), names(scenario));
    let differ: Vec<String> = before.symmetric_difference(&after).map(ToString::to_string).collect();
    if !differ.is_empty() {
        return Err(TargetError::Roles(differ.join(", ")));
    }
    for (role, was) in &record.scenario.role {
        let given = &scenario.role[role];
        if was.count != given.count {
            return Err(TargetError::Count { role: role.clone(), is: was.count, given: given.count });
        }
        if was.run != given.run {
            return Err(TargetError::Kind(role.clone()));
        }
    }
    Ok(())
}

/// The two plans must have the same nodes in the same places.
fn same_nodes(before: &Plan, after: &Plan) -> Result<(), TargetError> {
    let places = |plan: &Plan| -> BTreeMap<NodeName, (HostId, NodePlan)> {
        plan.nodes().map(|(host, node)| (node.name.clone(), (host.host.clone(), node.clone()))).collect()
    };
    let (before, after) = (places(before), places(after));
    let moved = before.iter().find(|(name, place)| after.get(*name) != Some(place));
    moved.map_or(Ok(()), |(name, _)| Err(TargetError::Moves(name.to_string())))
}

#[cfg(test)]
mod tests {
    use throng_common::scenario::model::RunKind;

    use super::*;
    use crate::cluster::sample;
    use crate::planner::tests::fixture::{host, redis, try_plan};

    #[test]
    fn a_role_that_would_become_another_kind_of_node_is_refused() {
        let (scenario, worker) = (redis(2), "worker".parse().unwrap());
        let record = sample::up("c-x7k2", scenario.clone(), try_plan(&scenario, &[host("a")], None).unwrap());
        assert!(check(&record, &scenario).is_ok());
        let mut other = scenario;
        other.role.get_mut(&worker).unwrap().run = RunKind::Process;
        assert!(matches!(check(&record, &other), Err(TargetError::Kind(role)) if role == worker));
    }
}
