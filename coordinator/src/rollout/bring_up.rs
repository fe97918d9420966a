//! Bringing a prepared cluster up: wave after wave, each role to its quorum.

use std::sync::Arc;

use throng_common::ids::RoleName;
use throng_failpoints::{Point, hit};

use super::failure::RolloutError;
use super::wait::{missing_lines, wait_role};
use crate::cluster::{ClusterState, LiveCluster, RoleWanted};
use crate::core::Core;
use crate::operation::{NoteLevel, OperationHandle};

/// Brings all roles up in the order of their dependencies.
pub(super) async fn bring_up(
    core: &Arc<Core>,
    cluster: &Arc<LiveCluster>,
    operation: &OperationHandle,
) -> Result<(), RolloutError> {
    let waves = cluster.record().plan.waves.clone();
    for wave in waves {
        bring_up_wave(core, cluster, &wave, operation).await?;
        hit(Point::WaveUp);
    }
    if !cluster.advance(ClusterState::Up, |_| {}) {
        return Err(RolloutError::Interrupted);
    }
    core.journal(cluster).await?;
    let id = cluster.record().id.clone();
    core.note(Some(&id), &id, "cluster-up", "every role has its quorum").await;
    Ok(())
}

async fn bring_up_wave(
    core: &Arc<Core>,
    cluster: &Arc<LiveCluster>,
    wave: &[RoleName],
    operation: &OperationHandle,
) -> Result<(), RolloutError> {
    cluster.edit(|record| {
        for role in wave {
            record.wanted.insert(role.clone(), RoleWanted::Running);
        }
    });
    let mut phases: Vec<_> = wave
        .iter()
        .map(|role| {
            let desired = cluster.membership(role).desired;
            (role, operation.phase(format!("up {role}"), u64::from(desired)))
        })
        .collect();
    core.publish(cluster).await?;
    hit(Point::WaveTold);
    let mut outcome = Ok(());
    for (role, mut phase) in phases.drain(..) {
        // After a failure the others of the wave only get their end said.
        if outcome.is_err() {
            phase.end(false, "");
            continue;
        }
        match wait_role(core, cluster, role, &mut phase, operation).await {
            Ok(counted) => {
                let up = counted.up();
                phase.end(true, format!("{up} of {}", counted.desired));
                if up < counted.desired {
                    let text = format!("{role}: {up} of {} nodes are up, enough for the quorum", counted.desired);
                    operation.note(NoteLevel::Warning, format!("{text}\n{}", missing_lines(&counted)), "");
                }
            }
            Err(error) => {
                let counted = cluster.membership(role);
                phase.end(false, format!("{} of {}", counted.up(), counted.desired));
                outcome = Err(error);
            }
        }
    }
    outcome
}
