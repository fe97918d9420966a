//! Removing what no cluster owns: what the journal lost, and what was left of clusters long forgotten.
//!
//! First hosts are told to keep these clusters no longer: what their agents still know goes as in any teardown, each node
//! stopped as it wants to be. Then whatever bears their marks is removed by force. The audit has the last word.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use throng_common::ids::{ClusterId, HostId, OperationId};
use throng_common::verdict::Outcome;
use throng_proto::agent as wire;

use super::commands::{ended, spawn};
use super::failure::RolloutError;
use super::take_down::{TornDown, await_rest};
use crate::core::Core;
use crate::fleet::fan_out;
use crate::operation::{Ended, NoteLevel, OperationHandle, Wish};

/// How long a host may take to remove what bears the marks: containers one by one, processes that linger.
const SWEEP_DEADLINE: Duration = Duration::from_secs(300);

/// Removes what is left of clusters that the journal does not know.
pub async fn start_sweep(
    core: &Arc<Core>,
    id: OperationId,
    clusters: BTreeSet<ClusterId>,
) -> Result<OperationHandle, RolloutError> {
    if let Some(known) = clusters.iter().find(|id| core.cluster(id).is_some()) {
        return Err(RolloutError::Count(format!("{known} is no orphan: `throng down {known}` takes it down")));
    }
    let begun = core.operations.begin(id, Wish::Sweep, None);
    Ok(spawn(core, begun, |core, operation| sweep(core, operation, clusters)).await)
}

async fn sweep(core: Arc<Core>, operation: OperationHandle, clusters: BTreeSet<ClusterId>) -> Ended {
    let hosts = core.fleet.connected();
    let mut phase = operation.phase("down", 0);
    core.hosts.release(&clusters);
    let told = core.tell_all(hosts.clone()).await;
    let mut unreached: Vec<String> = told.into_iter().filter_map(|(_, told)| Some(told.err()?.to_string())).collect();
    if unreached.is_empty() {
        unreached = await_rest(&core, &hosts, &clusters, |away| phase.progress(0, away)).await;
    }
    phase.end(unreached.is_empty(), unreached.join("; "));
    by_force(&core, &operation, &hosts, &clusters).await;
    let torn = audit(&core, &operation, &clusters).await;
    for cluster in &clusters {
        // A row that could not be read is of no more use.
        if let Err(error) = core.store.delete_cluster(cluster.clone()).await {
            operation.note(NoteLevel::Warning, error.to_string(), "");
        }
        let text = if torn.is_clean() { "nothing left behind" } else { "something was left behind" };
        core.note(Some(cluster), cluster, "orphan-removed", text).await;
    }
    let outcome = if torn.is_clean() { Outcome::Pass } else { Outcome::Residue };
    let detail = torn.unknown.clone();
    ended(outcome, &detail, torn, false)
}

async fn by_force(core: &Arc<Core>, operation: &OperationHandle, hosts: &[HostId], clusters: &BTreeSet<ClusterId>) {
    let phase = operation.phase("sweep", 0);
    let request = wire::SweepRequest { clusters: clusters.iter().map(ToString::to_string).collect() };
    let swept = fan_out(hosts.to_vec(), |host| {
        let request = request.clone();
        async move {
            let rpc =
                |mut agent: wire::agent_client::AgentClient<_>, request| async move { agent.sweep(request).await };
            core.fleet.call(&host, SWEEP_DEADLINE, request, rpc).await
        }
    })
    .await;
    let mut ok = true;
    for (host, swept) in swept {
        let problems = swept.map_or_else(|error| vec![error.to_string()], |reply| reply.problems);
        ok &= problems.is_empty();
        for problem in problems {
            operation.note(NoteLevel::Warning, format!("{host}: {problem}"), "");
        }
    }
    phase.end(ok, "");
}

async fn audit(core: &Arc<Core>, operation: &OperationHandle, clusters: &BTreeSet<ClusterId>) -> TornDown {
    let phase = operation.phase("audit", 0);
    let mut torn = TornDown::default();
    let mut unknown = Vec::new();
    for (host, audited) in core.audit_all().await {
        match audited {
            Ok(residues) => {
                // Settings are of all clusters together: with the last of them they go too.
                let of_these = residues
                    .into_iter()
                    .filter(|left| left.cluster.as_ref().map_or(left.kind.is_setting(), |id| clusters.contains(id)));
                torn.residues.extend(of_these.map(|left| (host.clone(), left)));
            }
            Err(error) => unknown.push(format!("host {host} could not be audited: {error}")),
        }
    }
    torn.unknown = unknown.join("; ");
    phase.end(torn.is_clean(), torn.summary());
    torn
}
