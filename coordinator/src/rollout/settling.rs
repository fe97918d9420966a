//! Waiting until hosts have come to rest with a new count: who comes is up, of who goes nothing is left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use throng_common::ids::{HostId, NodeName, RoleName};
use throng_common::nodeset::NodeSet;
use throng_common::status::NodeStatus;
use tokio::time::{Instant, timeout_at};

use super::failure::RolloutError;
use super::scaling::{Leaving, scale};
use super::take_down::unrest;
use super::wait::{LOOK_INTERVAL, ask, in_the_way, missing_nodes, reason_lines};
use crate::cluster::{LiveCluster, phase_word};
use crate::core::Core;
use crate::operation::{OperationHandle, Phase};
use crate::suite::ops::MissingNode;

/// How long nodes may take to follow a new count.
const SCALE_DEADLINE: Duration = Duration::from_secs(600);

/// What is still to happen before a new count is true. Nothing: it is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Unsettled {
    /// How many wanted nodes are not up, with a name or without.
    down: u32,
    /// Wanted nodes that are not up, by what is in their way.
    missing: BTreeMap<String, NodeSet>,
    /// Nodes that are no longer wanted and of which something is left, by what is in the way.
    left: BTreeMap<String, NodeSet>,
    /// Hosts that are at work, with what they say of it.
    restless: BTreeMap<HostId, String>,
}

impl Unsettled {
    fn is_nothing(&self) -> bool {
        self.missing.is_empty() && self.left.is_empty() && self.restless.is_empty()
    }

    /// How many nodes it is about.
    fn count(&self) -> usize {
        self.down as usize + self.left.values().map(NodeSet::len).sum::<usize>()
    }

    /// What is waited for, in few words.
    fn describe(&self) -> String {
        let all = |reasons: &BTreeMap<String, NodeSet>| reasons.values().flat_map(NodeSet::iter).collect::<NodeSet>();
        let (missing, left) = (all(&self.missing), all(&self.left));
        match (missing.is_empty(), left.is_empty(), self.missing.keys().next()) {
            (false, _, _) => format!("waiting for {missing}"),
            (true, false, _) => format!("{left} on the way out"),
            // A system that only counts, or does not answer, does not say who is missing.
            (true, true, Some(why)) => why.clone(),
            (true, true, None) => {
                let hosts: Vec<&str> = self.restless.keys().map(HostId::as_str).collect();
                format!("waiting for {} to settle", hosts.join(", "))
            }
        }
    }

    fn into_error(self, within: Duration) -> RolloutError {
        if !self.left.is_empty() {
            let count = self.left.values().map(NodeSet::len).sum();
            RolloutError::NotGone { count, within, left: reason_lines(&self.left, &BTreeMap::new()) }
        } else if !self.missing.is_empty() {
            RolloutError::NotUp {
                count: self.down as usize,
                within,
                missing: reason_lines(&self.missing, &BTreeMap::new()),
            }
        } else {
            let hosts: Vec<String> = self.restless.into_iter().map(|(host, why)| format!("{host} ({why})")).collect();
            RolloutError::Restless { within, hosts: hosts.join(", ") }
        }
    }
}

/// Changes counts and waits for all that follows from it.
pub(super) async fn scale_to_rest(
    core: &Arc<Core>,
    cluster: &Arc<LiveCluster>,
    counts: &BTreeMap<RoleName, u32>,
    operation: &OperationHandle,
) -> Result<(), RolloutError> {
    let before: BTreeSet<NodeName> = cluster.nodes().into_iter().collect();
    let leaving = match scale(core, cluster, counts).await {
        Ok(leaving) => leaving,
        Err(error) => {
            operation.phase("scale", 0).end(false, "");
            return Err(error);
        }
    };
    let coming = cluster.nodes().iter().filter(|node| !before.contains(*node)).count();
    let going: usize = leaving.values().map(BTreeSet::len).sum();
    let mut phase = operation.phase("scale", (coming + going) as u64);
    let settled = come_to_rest(core, cluster, &leaving, &mut phase).await;
    phase.end(settled.is_ok(), format!("{coming} came, {going} went"));
    settled
}

async fn come_to_rest(
    core: &Arc<Core>,
    cluster: &Arc<LiveCluster>,
    leaving: &Leaving,
    phase: &mut Phase,
) -> Result<(), RolloutError> {
    let deadline = Instant::now() + SCALE_DEADLINE;
    let since = Instant::now();
    let roles: Vec<RoleName> = cluster.record().scenario.role.keys().cloned().collect();
    let _asking = ask(core, cluster, roles);
    let hosts: BTreeSet<HostId> = Core::hosts_of(cluster).into_iter().chain(leaving.keys().cloned()).collect();
    let own = BTreeSet::from([cluster.record().id.clone()]);
    let look = || {
        let counted = cluster.memberships_since(since);
        Unsettled {
            down: counted.iter().map(|role| role.desired.saturating_sub(role.up())).sum(),
            missing: in_the_way(&counted),
            left: left(core, cluster, leaving),
            restless: hosts.iter().filter_map(|host| Some((host.clone(), unrest(core, host, &own)?))).collect(),
        }
    };
    let total = phase.total();
    let seen = until(core, cluster, deadline, look, |seen| {
        // Survivors that are just not up are not among those that come.
        phase.progress(total.saturating_sub(seen.count() as u64), seen.describe());
        seen.is_nothing()
    });
    seen.await.map_err(|unsettled| unsettled.into_error(SCALE_DEADLINE))?;
    forget_former(cluster, leaving);
    Ok(())
}

/// Waits until nothing is left of nodes that were taken away and their hosts are at rest, or names them at the deadline.
pub async fn wait_gone(
    core: &Arc<Core>,
    cluster: &Arc<LiveCluster>,
    leaving: &Leaving,
    deadline: Instant,
) -> Result<(), Vec<MissingNode>> {
    let look = || left(core, cluster, leaving);
    let left = until(core, cluster, deadline, look, BTreeMap::is_empty).await;
    left.map_err(|left| missing_nodes(&left))?;
    forget_former(cluster, leaving);
    Ok(())
}

/// Of these hosts, which are at rest, those without a part in the plan hold nothing of it any more.
fn forget_former(cluster: &LiveCluster, leaving: &Leaving) {
    cluster.edit(|record| record.former_hosts.retain(|host| !leaving.contains_key(host)));
}

/// Looks at every change of nodes and hosts until it is enough; at the deadline, what was seen last.
async fn until<T>(
    core: &Core,
    cluster: &LiveCluster,
    deadline: Instant,
    look: impl Fn() -> T,
    mut enough: impl FnMut(&T) -> bool,
) -> Result<(), T> {
    let (mut nodes, mut hosts) = (cluster.watch(), core.hosts.watch());
    loop {
        nodes.mark_unchanged();
        hosts.mark_unchanged();
        let seen = look();
        if enough(&seen) {
            return Ok(());
        }
        let change = async {
            // Both only tell of something newer; what is dropped here is seen by the next look.
            tokio::select! {
                _ = nodes.changed() => {}
                _ = hosts.changed() => {}
            }
        };
        if timeout_at(deadline, change).await.is_err() {
            return Err(seen);
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

fn left(core: &Core, cluster: &LiveCluster, leaving: &Leaving) -> BTreeMap<String, NodeSet> {
    let own = BTreeSet::from([cluster.record().id.clone()]);
    left_by(leaving, |host| unrest(core, host, &own), |node| cluster.status(node))
}

/// Nodes on hosts that are not at rest, by what is known of them. A host at rest holds nothing of the cluster
/// that nobody wants.
fn left_by(
    leaving: &Leaving,
    restless: impl Fn(&HostId) -> Option<String>,
    status: impl Fn(&NodeName) -> Option<NodeStatus>,
) -> BTreeMap<String, NodeSet> {
    let mut left: BTreeMap<String, NodeSet> = BTreeMap::new();
    for (host, nodes) in leaving {
        let Some(why) = restless(host) else { continue };
        for node in nodes {
            let words = match status(node) {
                None => format!("its host {host} is still at work ({why})"),
                Some(NodeStatus { phase, reason: None, .. }) => format!("{} on {host}", phase_word(phase)),
                Some(NodeStatus { phase, reason: Some(reason), .. }) => {
                    format!("{} on {host}: {}", phase_word(phase), reason.message)
                }
            };
            left.entry(words).or_default().insert(node);
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use throng_common::status::{NodePhase, Reason, ReasonKind};

    use super::*;
    use crate::cluster::sample;

    fn node(index: u32) -> NodeName {
        NodeName::new("worker".parse().unwrap(), index)
    }

    fn host(name: &str) -> HostId {
        name.parse().unwrap()
    }

    fn stopping(node: &NodeName, reason: Option<&str>) -> NodeStatus {
        NodeStatus {
            phase: NodePhase::Stopping,
            reason: reason.map(|message| Reason::new(ReasonKind::Host, message)),
            ..sample::ready("c-x7k2", &node.to_string())
        }
    }

    #[test]
    fn what_is_left_is_named_until_its_host_is_at_rest_even_when_the_nodes_themselves_are_gone() {
        let leaving: Leaving =
            [(host("a"), (0..3).map(node).collect()), (host("b"), [node(7)].into())].into_iter().collect();
        let settling = |host: &HostId| (host.as_str() == "a").then(|| "settling".to_owned());
        let status = |node: &NodeName| match node.index() {
            0 => Some(stopping(node, None)),
            1 => Some(stopping(node, Some("umount: busy"))),
            _ => None,
        };
        let left = left_by(&leaving, settling, status);
        let lines: Vec<String> = left.iter().map(|(why, nodes)| format!("{nodes}: {why}")).collect();
        assert_eq!(
            lines,
            [
                "worker-0002: its host a is still at work (settling)",
                "worker-0000: stopping on a",
                "worker-0001: stopping on a: umount: busy",
            ]
        );
        assert_eq!(left_by(&leaving, |_| None, status), BTreeMap::new(), "a host at rest holds nothing of them");
    }

    #[test]
    fn what_is_left_is_graver_than_what_is_missing_and_that_than_a_restless_host() {
        let nodes = |index| BTreeMap::from([("stopping".to_owned(), [node(index)].iter().collect::<NodeSet>())]);
        let mut unsettled = Unsettled { down: 1, missing: nodes(1), left: nodes(2), restless: BTreeMap::new() };
        unsettled.restless.insert(host("a"), "settling".to_owned());
        assert_eq!(unsettled.describe(), "waiting for worker-0001");
        unsettled.missing.clear();
        assert_eq!(unsettled.describe(), "worker-0002 on the way out");
        let all = Unsettled { down: 1, missing: nodes(1), left: nodes(2), restless: BTreeMap::new() };
        assert_eq!(all.into_error(SCALE_DEADLINE).text(), "1 node is not gone after 10m\n  worker-0002: stopping");
        let missing = Unsettled { down: 1, missing: nodes(1), ..Unsettled::default() };
        assert_eq!(missing.into_error(SCALE_DEADLINE).outcome().exit_code(), 6);
        let restless = Unsettled { restless: unsettled.restless, ..Unsettled::default() };
        assert_eq!(restless.into_error(SCALE_DEADLINE).text(), "not at rest after 10m: a (settling)");
    }

    #[test]
    fn nodes_that_are_missing_without_a_name_are_counted() {
        let why = "worker: the system under test knows 3 of 5, names unknown";
        let unnamed = BTreeMap::from([(why.to_owned(), NodeSet::default())]);
        let unsettled = Unsettled { down: 2, missing: unnamed, ..Unsettled::default() };
        assert_eq!((unsettled.count(), unsettled.describe()), (2, why.to_owned()));
        assert_eq!(unsettled.into_error(SCALE_DEADLINE).text(), format!("2 nodes are not up after 10m\n  {why}"));
    }
}
