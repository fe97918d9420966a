//! Wiping what the system under test has written: its nodes go with all that they had, and come again as at the first
//! time. Hosts, plan, names, ports and images stay.

use std::collections::BTreeSet;
use std::sync::Arc;

use throng_common::ids::OperationId;
use throng_common::verdict::Outcome;
use throng_failpoints::{Point, hit};

use crate::cluster::{ClusterState, LiveCluster, RoleWanted};
use crate::core::Core;
use crate::operation::{OperationHandle, Wish};
use crate::rollout::bring_up::bring_up;
use crate::rollout::commands::{begin_alone, ended, fail, spawn};
use crate::rollout::failure::RolloutError;
use crate::rollout::take_down::{TornDown, await_rest};

/// Stops all nodes, wipes ramdisks, disks and scratch, and brings the cluster up anew: `prepare` runs again, and roles
/// start in the order of their dependencies.
pub async fn start_reset(
    core: &Arc<Core>,
    id: OperationId,
    cluster: Arc<LiveCluster>,
) -> Result<OperationHandle, RolloutError> {
    let begun = begin_alone(core, id, Wish::Reset, &cluster)?;
    let spawned = spawn(core, begun, |core, operation| async move {
        match reset(&core, &cluster, &operation).await {
            Ok(()) => ended(Outcome::Pass, "", TornDown::default(), true),
            Err(error) => fail(error, Ok(TornDown::default()), true),
        }
    });
    Ok(spawned.await)
}

async fn reset(core: &Arc<Core>, cluster: &Arc<LiveCluster>, operation: &OperationHandle) -> Result<(), RolloutError> {
    let total = cluster.statuses().len() as u64;
    let mut phase = operation.phase("wipe", total);
    let wiping = cluster.advance(ClusterState::Resetting, |record| {
        record.wanted.values_mut().for_each(|wanted| *wanted = RoleWanted::Stopped);
    });
    if !wiping {
        return Err(RolloutError::Interrupted);
    }
    core.publish(cluster).await?;
    let hosts = Core::hosts_of(cluster);
    let own = BTreeSet::from([cluster.record().id.clone()]);
    let unreached = await_rest(core, &hosts, &own, |away| {
        phase.progress(total.saturating_sub(cluster.statuses().len() as u64), away);
    })
    .await;
    phase.end(unreached.is_empty(), unreached.join("; "));
    if let Some(why) = unreached.into_iter().next() {
        return Err(RolloutError::Away(why));
    }
    hit(Point::ResetWiped);
    if !cluster.advance(ClusterState::Starting, |record| record.prepared.clear()) {
        return Err(RolloutError::Interrupted);
    }
    core.journal(cluster).await?;
    let id = cluster.record().id.clone();
    core.note(Some(&id), &id, "cluster-wiped", "all that its nodes had written is gone").await;
    bring_up(core, cluster, operation).await
}
