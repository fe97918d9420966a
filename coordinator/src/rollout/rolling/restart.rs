//! Restarting nodes: all at once, or some at a time.

use std::collections::BTreeSet;
use std::sync::Arc;

use throng_common::ids::{NodeName, OperationId};
use throng_common::verdict::Outcome;

use super::drive::Drive;
use super::plan::Bound;
use crate::cluster::LiveCluster;
use crate::core::Core;
use crate::operation::{OperationHandle, Wish};
use crate::rollout::commands::{begin_alone, ended, fail, spawn};
use crate::rollout::failure::RolloutError;
use crate::rollout::take_down::TornDown;

/// All at once, and none may fail.
const ALL_AT_ONCE: Bound = Bound { down: u32::MAX, failed: 0 };

/// Restarts nodes and waits until they are up again. Without a bound, all of a role at once.
pub async fn start_restart(
    core: &Arc<Core>,
    id: OperationId,
    cluster: Arc<LiveCluster>,
    nodes: BTreeSet<NodeName>,
    bound: Option<Bound>,
) -> Result<OperationHandle, RolloutError> {
    let begun = begin_alone(core, id, Wish::Restart, &cluster)?;
    let spawned = spawn(core, begun, |core, operation| async move {
        let bound = bound.unwrap_or(ALL_AT_ONCE);
        let drive = Drive { core: &core, cluster: &cluster, operation: &operation, bound, verb: "restart" };
        match drive.run(&nodes, |_, _| {}).await {
            Ok(()) => ended(Outcome::Pass, "", TornDown::default(), true),
            Err(error) => fail(error, Ok(TornDown::default()), true),
        }
    });
    Ok(spawned.await)
}
