//! Going on with what was under way when a former life of the coordinator ended.
//!
//! What is desired of a cluster is in the journal before anybody is told, and every step towards it can be done twice:
//! bringing up, scaling and taking down go on from where they are. Tests cannot: what they came to is not known, so a run
//! ends as one that says nothing of the system under test, and its cluster goes as if the run had failed. What is left is
//! for whoever asked to ask again.

use std::collections::BTreeSet;
use std::sync::Arc;

use throng_common::ids::{HostId, RunId};
use throng_common::verdict::Outcome;
use tokio::time::Instant;

use super::bring_up::bring_up;
use super::commands::{change_counts, conclude, conclude_test, down, ended, finish, unwind};
use super::failure::RolloutError;
use super::run::{RunLog, RunWish};
use super::take_down::TornDown;
use crate::cluster::{ClusterState, LiveCluster};
use crate::core::Core;
use crate::fleet::HOST_AWAY_MAX;
use crate::operation::{Ended, NoteLevel, OperationHandle, Wish};
use crate::report::folder::RunFolder;

/// How often it is looked whether hosts are back.
const LOOK_INTERVAL: std::time::Duration = std::time::Duration::from_millis(50);

const GOES_ON: &str = "the coordinator ended in the midst of this and has begun anew: it goes on";
const LEFT_OFF: &str = "the coordinator ended in the midst of it";

/// Goes on with all operations of a former life, each as a task of its own.
pub fn go_on(core: &Arc<Core>) {
    for operation in core.operations.of_former_life() {
        tracing::info!(operation = %operation.id(), "an operation of a former life is taken up");
        operation.note(NoteLevel::Warning, GOES_ON, "");
        let own = Arc::clone(core);
        core.tasks.spawn(async move {
            let ended = resume(&own, &operation).await;
            finish(&own, &operation, ended).await;
        });
    }
}

async fn resume(core: &Arc<Core>, operation: &OperationHandle) -> Ended {
    let cluster = operation.cluster().and_then(|id| core.cluster(id));
    match (operation.wish(), &cluster) {
        (Wish::Down, Some(cluster)) => down(core, cluster, operation).await,
        (Wish::Down, None) => gone(core, operation).await,
        (Wish::Up, Some(cluster)) => up(core, cluster, operation).await,
        (Wish::Scale { counts }, Some(cluster)) => {
            await_hosts(core, cluster).await;
            change_counts(core, cluster, counts, operation).await
        }
        (Wish::Run { run, .. } | Wish::Test { run, .. }, None) => reported(core, run),
        (Wish::Run { run, seed, keep }, Some(cluster)) => match log(core, operation, cluster, run, *seed) {
            Ok(log) => again(conclude(core, operation, Some(cluster), log, Some(RolloutError::LeftOff), *keep).await),
            Err(error) => again(unwind(core, error, Some(cluster), operation).await),
        },
        (Wish::Test { run, seed }, Some(cluster)) => match log(core, operation, cluster, run, *seed) {
            Ok(log) => again(conclude_test(core, operation, cluster, log, Some(RolloutError::LeftOff)).await),
            Err(_) => begin_again(true),
        },
        (Wish::Up | Wish::Scale { .. }, None) => begin_again(false),
        (Wish::Sweep | Wish::Restart | Wish::Reset | Wish::Update, cluster) => begin_again(cluster.is_some()),
    }
}

/// A teardown whose cluster is not among those that are known. Only an audit that finds nothing takes one out of the
/// journal; one that is still in it cannot be read.
async fn gone(core: &Core, operation: &OperationHandle) -> Ended {
    let Some(id) = operation.cluster() else { return begin_again(false) };
    match core.store.cluster(id.clone()).await {
        Ok(None) => ended(Outcome::Pass, "nothing of it is left", TornDown::default(), false),
        Ok(Some(_)) | Err(_) => begin_again(true),
    }
}

async fn up(core: &Arc<Core>, cluster: &Arc<LiveCluster>, operation: &OperationHandle) -> Ended {
    let raised = match cluster.record().state {
        _ if operation.cancelled().is_cancelled() => Err(RolloutError::Interrupted),
        ClusterState::Up | ClusterState::Resetting => Ok(()),
        ClusterState::Starting => bring_up(core, cluster, operation).await,
        // It was on its way down: why, nobody knows any more.
        ClusterState::Stopping => return again(unwind(core, RolloutError::LeftOff, Some(cluster), operation).await),
    };
    match raised {
        Ok(()) => ended(Outcome::Pass, "", TornDown::default(), true),
        Err(error) => unwind(core, error, Some(cluster), operation).await,
    }
}

/// The log of a run that another life began: without what came of its tests.
fn log(
    core: &Core,
    operation: &OperationHandle,
    cluster: &LiveCluster,
    run: &RunId,
    seed: u64,
) -> Result<RunLog, RolloutError> {
    let wish = RunWish { run: run.clone(), tests: None, seed };
    let record = cluster.record();
    Ok(RunLog::begin(core, wish, &record.id, &record.scenario)?.of_former_life(operation.started()))
}

/// A run of which no cluster is left: it had ended, with a report, or never come to one.
fn reported(core: &Core, run: &RunId) -> Ended {
    match RunFolder::open(core.state.run_dir(run)).load() {
        Ok(report) => ended(report.outcome, "", TornDown::default(), false),
        Err(_) => begin_again(false),
    }
}

fn begin_again(cluster_up: bool) -> Ended {
    again(ended(Outcome::Environment, LEFT_OFF, TornDown::default(), cluster_up))
}

fn again(ended: Ended) -> Ended {
    Ended { begin_again: true, ..ended }
}

/// Waits until a cluster's hosts are connected; those that stay away are dealt with by whoever needs them.
async fn await_hosts(core: &Core, cluster: &LiveCluster) {
    let deadline = Instant::now() + HOST_AWAY_MAX;
    let wanted: BTreeSet<HostId> = Core::hosts_of(cluster).into_iter().collect();
    while Instant::now() < deadline && !wanted.is_subset(&core.fleet.connected().into_iter().collect()) {
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}
