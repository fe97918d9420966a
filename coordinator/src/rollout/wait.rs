//! Waiting until nodes are up, with the reasons of those that are not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use throng_common::ids::{NodeName, RoleName};
use throng_common::nodeset::NodeSet;
use tokio::time::Instant;

use super::failure::RolloutError;
use crate::cluster::{LiveCluster, RoleMembership};
use crate::core::Core;
use crate::operation::{OperationHandle, Phase};
use crate::suite::ops::MissingNode;

/// The reasons that are named; the rest is counted.
const REASONS_SHOWN: usize = 5;

/// Changes come by the hundred while nodes start: they are looked at together.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The tasks that ask the system under test; they end with the wait.
pub(super) struct Asking(Vec<tokio::task::AbortHandle>);

impl Drop for Asking {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

/// Asks for these roles, as far as they say how, until the result is dropped.
pub(super) fn ask(core: &Arc<Core>, cluster: &Arc<LiveCluster>, roles: impl IntoIterator<Item = RoleName>) -> Asking {
    let asked = roles.into_iter().filter(|role| {
        let record = cluster.record();
        record.scenario.role.get(role).is_some_and(|role| role.seen.is_some())
    });
    let spawn = |role| core.tasks.spawn(Arc::clone(core).keep_asking(Arc::clone(cluster), role)).abort_handle();
    Asking(asked.map(spawn).collect())
}

/// Waits until the quorum of a role is up and no other node is still on its way, or the role's time is over.
pub(super) async fn wait_role(
    core: &Arc<Core>,
    cluster: &Arc<LiveCluster>,
    role: &RoleName,
    phase: &mut Phase,
    operation: &OperationHandle,
) -> Result<RoleMembership, RolloutError> {
    let record = cluster.record();
    let planned = record.plan.roles.get(role);
    let (quorum, timeout) = planned.map_or((0, Duration::from_secs(300)), |role| (role.quorum, role.timeout.0));
    let deadline = Instant::now() + timeout;
    let since = Instant::now();
    let _asking = ask(core, cluster, [role.clone()]);
    let mut changes = cluster.watch();
    loop {
        changes.mark_unchanged();
        let counted = cluster.membership_since(role, since);
        let up = counted.up();
        phase.progress(u64::from(up), stragglers(&counted, up));
        if up >= counted.desired {
            return Ok(counted);
        }
        let hopeless = u32::try_from(counted.failed.len()).unwrap_or(u32::MAX);
        if up >= quorum && up + hopeless >= counted.desired {
            return Ok(counted);
        }
        let short = |when: String| quorum_error(role, &counted, quorum, when);
        if counted.desired - hopeless.min(counted.desired) < quorum {
            return Err(short(String::new()));
        }
        tokio::select! {
            () = operation.cancelled().cancelled() => return Err(RolloutError::Interrupted),
            () = tokio::time::sleep_until(deadline) => {
                if up >= quorum {
                    return Ok(counted);
                }
                return Err(short(format!(" after {}", throng_common::span::Span(timeout))));
            }
            // The channel lives as long as the cluster, which this holds.
            _ = changes.changed() => tokio::time::sleep(LOOK_INTERVAL).await,
        }
    }
}

/// Who is waited for, when they are few or long overdue.
fn stragglers(counted: &RoleMembership, up: u32) -> String {
    let missing = counted.desired.saturating_sub(up);
    if missing == 0 {
        return String::new();
    }
    // All are ready: it is the system under test that is waited for.
    if counted.missing.is_empty() {
        return counted.unnamed().unwrap_or_default().to_owned();
    }
    if missing > counted.desired.div_ceil(4) {
        return String::new();
    }
    format!("waiting for {}", counted.missing)
}

fn quorum_error(role: &RoleName, counted: &RoleMembership, quorum: u32, when: String) -> RolloutError {
    RolloutError::Quorum {
        role: role.clone(),
        up: counted.up(),
        desired: counted.desired,
        quorum,
        when,
        missing: missing_lines(counted),
    }
}

/// Who is missing and why, a line for each reason, the most frequent first, and what one of them has to say.
pub(super) fn missing_lines(counted: &RoleMembership) -> String {
    reason_lines(&counted.reasons, &counted.instances)
}

/// Nodes by what is in their way, a line for each reason, the most frequent first, and what one of them has to say.
pub(super) fn reason_lines(
    reasons: &BTreeMap<String, NodeSet>,
    instances: &BTreeMap<String, (NodeName, String)>,
) -> String {
    let mut reasons: Vec<_> = reasons.iter().collect();
    reasons.sort_by_key(|(_, nodes)| std::cmp::Reverse(nodes.len()));
    let more = reasons.len().saturating_sub(REASONS_SHOWN);
    let mut lines = Vec::new();
    for (why, nodes) in reasons.into_iter().take(REASONS_SHOWN) {
        lines.push(match nodes.len() {
            0 => format!("  {why}"),
            1 => format!("  {nodes}: {why}"),
            count => format!("  {nodes} ({count}): {why}"),
        });
        // What the role has to say of it may come from one that is not meant.
        let instance = instances.get(why).filter(|(node, _)| nodes.is_empty() || nodes.contains(node));
        lines.extend(instance.map(|(node, own)| format!("    for instance {node}: {own}")));
    }
    if more > 0 {
        lines.push(format!("  and {more} more reasons: `throng ps` shows all nodes"));
    }
    lines.join("\n")
}

/// What is in the way of nodes that are not up, of all roles. What has no nodes names its role.
pub(super) fn in_the_way(roles: &[RoleMembership]) -> BTreeMap<String, NodeSet> {
    let mut reasons: BTreeMap<String, NodeSet> = BTreeMap::new();
    for role in roles.iter().filter(|role| role.up() < role.desired) {
        for (why, nodes) in &role.reasons {
            if nodes.is_empty() {
                reasons.entry(format!("{}: {why}", role.role)).or_default();
            }
            nodes.iter().for_each(|node| reasons.entry(why.clone()).or_default().insert(&node));
        }
    }
    reasons
}

/// Waits until every desired node is ready, and seen where its role says how to ask.
pub async fn wait_all_up(
    core: &Arc<Core>,
    cluster: &Arc<LiveCluster>,
    deadline: Instant,
) -> Result<(), Vec<MissingNode>> {
    let roles: Vec<RoleName> = cluster.record().scenario.role.keys().cloned().collect();
    // What the system under test said before, it may have said before the fault.
    let since = Instant::now();
    let _asking = ask(core, cluster, roles);
    all_up(cluster, since, deadline).await
}

/// Waits until every desired node is up by answers to questions of after `since`.
async fn all_up(cluster: &LiveCluster, since: Instant, deadline: Instant) -> Result<(), Vec<MissingNode>> {
    let mut changes = cluster.watch();
    loop {
        changes.mark_unchanged();
        let counted = cluster.memberships_since(since);
        if counted.iter().all(|role| role.up() >= role.desired) {
            return Ok(());
        }
        let wait = tokio::time::timeout_at(deadline, changes.changed()).await;
        if wait.is_err() {
            return Err(missing_nodes(&in_the_way(&counted)));
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// Nodes with what is in their way; of what has no nodes, one without a name.
pub(super) fn missing_nodes(reasons: &BTreeMap<String, NodeSet>) -> Vec<MissingNode> {
    let of = |(what, nodes): (&String, &NodeSet)| -> Vec<MissingNode> {
        let missing = |node| MissingNode { node, what: what.clone() };
        if nodes.is_empty() { vec![missing(None)] } else { nodes.iter().map(Some).map(missing).collect() }
    };
    reasons.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests;
