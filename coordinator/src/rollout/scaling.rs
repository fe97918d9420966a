//! Changing how many nodes a role has, the survivors untouched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use throng_common::ids::{HostId, NodeName, RoleName};
use throng_failpoints::{Fault, Point, hit, planted};

use super::failure::RolloutError;
use super::images;
use super::prepare::{await_hosts_of, plan_inputs};
use super::rolling::TargetError;
use crate::cluster::LiveCluster;
use crate::core::Core;
use crate::planner::input::PlanInput;
use crate::planner::plan::Plan;
use crate::planner::planning::plan;
use crate::scenario::report::suggest;

/// Nodes that a new plan takes away, by the host that held them.
pub type Leaving = BTreeMap<HostId, BTreeSet<NodeName>>;

/// Plans the new counts with the old plan in hand, journals the result and tells the hosts; also those that keep
/// nothing. Gives the nodes that go; does not wait for any.
pub async fn scale(
    core: &Arc<Core>,
    cluster: &Arc<LiveCluster>,
    counts: &BTreeMap<RoleName, u32>,
) -> Result<Leaving, RolloutError> {
    let planning = cluster.planning().await;
    let record = cluster.record();
    if record.pending.is_some() {
        return Err(TargetError::HalfDone(record.id.to_string()).into());
    }
    let mut scenario = record.scenario.clone();
    for (name, count) in counts {
        let known: Vec<&str> = record.scenario.role.keys().map(RoleName::as_str).collect();
        let unknown = || {
            let hint = suggest(name.as_str(), known, "");
            RolloutError::Count(format!("the scenario has no role `{name}`\nhint: {hint}"))
        };
        scenario.role.get_mut(name).ok_or_else(unknown)?.count = *count;
    }
    if scenario.role.values().all(|role| role.count == 0) {
        return Err(RolloutError::Count("that leaves no node at all: take the cluster down instead".to_owned()));
    }
    await_hosts_of(core, &record.plan).await;
    let turn = core.reservations.turn().await;
    let hosts = plan_inputs(core, Some(&record.plan)).await?;
    let images =
        record.plan.roles.iter().filter_map(|(name, role)| Some((name.clone(), role.image.clone()?))).collect();
    let input = PlanInput {
        scenario: &scenario,
        cluster: &record.id,
        caller: &record.plan.caller,
        scenario_dir: &record.plan.scenario_dir,
        images: &images,
        hosts: &hosts,
        previous: Some(&record.plan),
        preview: false,
    };
    let planned = plan(&input)?;
    let reservation = core.reservations.reserve(&planned);
    drop(turn);
    images::provide_to_new_hosts(core, &scenario, &record.plan, &planned).await?;
    let leaving = leaving(&record.plan, &planned);
    let kept: BTreeSet<HostId> = planned.hosts.iter().map(|host| host.host.clone()).collect();
    cluster.edit(|record| {
        record.scenario = scenario;
        if planted(Fault::RestartOnScale)
            && let Some((_, node)) = planned.nodes().find(|(_, node)| counts.contains_key(node.name.role()))
        {
            let incarnation = record.incarnations.entry(node.name.clone()).or_default();
            *incarnation = incarnation.next();
        }
        // One that comes again, or comes elsewhere, has prepared nothing there yet.
        let place = |plan: &Plan, node: &NodeName| plan.node(node).map(|(host, _)| host.host.clone());
        let before = &record.plan;
        record.prepared.retain(|node| place(before, node).is_some_and(|host| place(&planned, node) == Some(host)));
        record.plan = planned;
        record.former_hosts.extend(leaving.keys().cloned());
        record.former_hosts.retain(|host| !kept.contains(host));
    });
    drop((reservation, planning));
    hit(Point::ScalePlanned);
    // Also hosts without a part in the new plan. One that is away is told when it comes back, and waited for until then.
    core.publish(cluster).await?;
    hit(Point::ScaleTold);
    let words: Vec<String> = counts.iter().map(|(role, count)| format!("{role}={count}")).collect();
    core.note(Some(&record.id), &record.id, "scaled", words.join(" ")).await;
    Ok(leaving)
}

/// What the first plan puts on a host and the second does not.
fn leaving(before: &Plan, after: &Plan) -> Leaving {
    let stays: BTreeSet<(&HostId, &NodeName)> = after.nodes().map(|(host, node)| (&host.host, &node.name)).collect();
    let mut leaving = Leaving::new();
    for (host, node) in before.nodes().filter(|(host, node)| !stays.contains(&(&host.host, &node.name))) {
        leaving.entry(host.host.clone()).or_default().insert(node.name.clone());
    }
    leaving
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::tests::fixture::{host, redis, try_plan};

    #[test]
    fn the_highest_nodes_of_a_smaller_plan_leave_their_hosts_and_a_larger_one_takes_none_away() {
        let hosts = [host("a"), host("b"), host("c")];
        let before = try_plan(&redis(10), &hosts, None).unwrap();
        let after = try_plan(&redis(6), &hosts, Some(&before)).unwrap();
        let gone: BTreeSet<String> = leaving(&before, &after).values().flatten().map(ToString::to_string).collect();
        assert_eq!(gone, ["worker-0006", "worker-0007", "worker-0008", "worker-0009"].map(String::from).into());
        assert_eq!(leaving(&after, &before), Leaving::new());
    }

    #[test]
    fn a_node_that_moves_leaves_the_host_that_it_was_on() {
        let before = try_plan(&redis(2), &[host("a")], None).unwrap();
        let after = try_plan(&redis(2), &[host("b")], Some(&before)).unwrap();
        let left = leaving(&before, &after);
        assert_eq!(left.keys().map(HostId::as_str).collect::<Vec<_>>(), ["a"]);
        assert_eq!(left.values().map(BTreeSet::len).sum::<usize>(), before.node_count());
    }
}
