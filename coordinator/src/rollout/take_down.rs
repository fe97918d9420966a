//! Taking a cluster down to nothing, and proving it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use throng_common::error_chain::chain;
use throng_common::ids::{ClusterId, HostId};
use throng_common::nodeset::NodeSet;
use throng_common::span::Span;
use throng_common::status::Residue;
use throng_failpoints::{Point, hit};
use tokio::time::Instant;

use super::failure::RolloutError;
use crate::cluster::{ClusterState, LiveCluster};
use crate::core::Core;
use crate::fleet::HOST_AWAY_MAX;
use crate::operation::OperationHandle;

/// How long a teardown may take before what is left is reported as residue.
const TEARDOWN_DEADLINE: Duration = Duration::from_secs(600);
/// For how long no node goes before it is said what keeps the rest: a grace is usually shorter.
const STUCK_AFTER: Duration = Duration::from_secs(10);

/// How often progress is counted.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// What a teardown came to.
#[derive(Debug, Default)]
pub(super) struct TornDown {
    /// What is left, by host.
    pub(super) residues: Vec<(HostId, Residue)>,
    /// Why nobody knows what is left; empty if the audit was done.
    pub(super) unknown: String,
}

impl TornDown {
    /// Whether nothing is left, and that is known.
    pub(super) fn is_clean(&self) -> bool {
        self.residues.is_empty() && self.unknown.is_empty()
    }

    /// What the audit said, in a line.
    pub(super) fn summary(&self) -> String {
        match (self.residues.len(), self.unknown.as_str()) {
            (0, "") => "nothing left behind".to_owned(),
            (0, unknown) => unknown.to_owned(),
            (count, "") => format!("{count} left behind"),
            (count, unknown) => format!("{count} left behind; {unknown}"),
        }
    }
}

/// Takes a cluster down and audits its hosts. A clean one leaves the journal; one with residue stays, so that the
/// teardown can be repeated. Not interrupted by anybody: the second Ctrl-C only leaves it alone.
pub(super) async fn take_down(
    core: &Arc<Core>,
    cluster: &Arc<LiveCluster>,
    operation: &OperationHandle,
) -> Result<TornDown, RolloutError> {
    let hosts = Core::hosts_of(cluster);
    let total = cluster.statuses().len() as u64;
    let mut phase = operation.phase("down", total);
    cluster.edit(|record| record.state = ClusterState::Stopping);
    // A journal that cannot be written keeps nothing from being taken down; it is said at the end.
    if let Err(error) = core.journal(cluster).await {
        tracing::warn!(error = chain(&error), "the teardown is not in the journal");
    }
    let told = core.tell_all(hosts.clone()).await;
    hit(Point::DownTold);
    let refused = told.into_iter().filter_map(|(_, outcome)| outcome.err()).filter(|error| !error.is_away());
    let mut unreached: Vec<String> = refused.map(|error| error.to_string()).collect();
    if unreached.is_empty() {
        let own = BTreeSet::from([cluster.record().id.clone()]);
        let mut last = (total, Instant::now());
        unreached = await_rest(core, &hosts, &own, |away| {
            let left = cluster.statuses().len() as u64;
            if left != last.0 {
                last = (left, Instant::now());
            }
            let is_stuck = away.is_empty() && last.1.elapsed() > STUCK_AFTER;
            phase.progress(total.saturating_sub(left), if is_stuck { in_the_way(cluster) } else { away });
        })
        .await;
    }
    phase.end(unreached.is_empty(), unreached.join("; "));
    hit(Point::DownSettled);
    let torn = audit(core, cluster, operation).await;
    hit(Point::DownAudited);
    let record = cluster.record();
    if torn.is_clean() {
        core.remove(&record.id).await?;
        // A folder that cannot be removed holds only the scenario's files, on the coordinator's own machine.
        for folder in [&record.bundle_dir, &core.state.next_cluster_dir(&record.id)] {
            let _ = std::fs::remove_dir_all(folder);
        }
        core.note(Some(&record.id), &record.id, "cluster-down", "nothing left behind").await;
    } else {
        core.note(Some(&record.id), &record.id, "residue", torn.summary()).await;
    }
    Ok(torn)
}

/// What keeps the nodes that are left from going, as far as they say it.
fn in_the_way(cluster: &LiveCluster) -> String {
    let mut reasons: BTreeMap<String, NodeSet> = BTreeMap::new();
    for (node, status) in cluster.statuses() {
        if let Some(reason) = status.reason {
            reasons.entry(reason.message).or_default().insert(&node);
        }
    }
    let reasons: Vec<String> = reasons.into_iter().map(|(why, nodes)| format!("{nodes}: {why}")).collect();
    reasons.join("; ")
}

/// Waits until all hosts are at rest with what they were told of these clusters. One that is away is told once it is
/// back, and is waited for, as is one whose engine is silent; why each of those that did not come to rest did not.
pub(super) async fn await_rest(
    core: &Core,
    hosts: &[HostId],
    clusters: &BTreeSet<ClusterId>,
    mut progress: impl FnMut(String),
) -> Vec<String> {
    let deadline = Instant::now() + TEARDOWN_DEADLINE;
    let mut away: BTreeMap<&HostId, (Instant, String)> = BTreeMap::new();
    loop {
        let restless: Vec<&HostId> = hosts.iter().filter(|host| !core.hosts.is_settled_with(host, clusters)).collect();
        away.retain(|host, _| restless.contains(host) && silence(core, host).is_some());
        for host in &restless {
            if let Some(why) = silence(core, host) {
                away.entry(host).or_insert_with(|| (Instant::now(), why));
            }
        }
        let lost = away.values().filter(|(since, _)| since.elapsed() > HOST_AWAY_MAX).count();
        if lost == restless.len() {
            return away.into_values().map(|(_, why)| why).collect();
        }
        if Instant::now() > deadline {
            let within = Span(TEARDOWN_DEADLINE);
            let why = |host| Some(format!("{host} is not at rest after {within} ({})", unrest(core, host, clusters)?));
            return restless.into_iter().filter_map(why).collect();
        }
        progress(away.values().map(|(_, why)| why.as_str()).collect::<Vec<_>>().join("; "));
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// Why nothing can be had of a host: it is away, or its engine is; none where something can.
fn silence(core: &Core, host: &HostId) -> Option<String> {
    if let Err(error) = core.fleet.client(host) {
        return Some(error.to_string());
    }
    let problems = core.hosts.get(host).progress?.problems;
    let silent = problems.into_iter().find(|problem| problem.kind.is_silence())?;
    Some(format!("{host}: {}", silent.message))
}

/// Why a host is not at rest with what it was last told of these clusters; none if it is.
pub(super) fn unrest(core: &Core, host: &HostId, clusters: &BTreeSet<ClusterId>) -> Option<String> {
    if core.hosts.is_settled_with(host, clusters) {
        return None;
    }
    if let Err(error) = core.fleet.client(host) {
        return Some(error.to_string());
    }
    let problems = core.hosts.get(host).progress.map(|progress| progress.problems).unwrap_or_default();
    let problems: Vec<String> = problems.into_iter().map(|problem| problem.message).collect();
    Some(if problems.is_empty() { "settling".to_owned() } else { problems.join("; ") })
}

async fn audit(core: &Arc<Core>, cluster: &LiveCluster, operation: &OperationHandle) -> TornDown {
    let phase = operation.phase("audit", 0);
    let mut torn = TornDown::default();
    let mut unknown = Vec::new();
    for (host, audited) in core.audit_cluster(&cluster.record()).await {
        match audited {
            Ok(residues) => torn.residues.extend(residues.into_iter().map(|residue| (host.clone(), residue))),
            Err(error) => unknown.push(format!("host {host} could not be audited: {error}")),
        }
    }
    torn.unknown = unknown.join("; ");
    phase.end(torn.is_clean(), torn.summary());
    torn
}
