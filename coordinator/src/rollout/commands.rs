//! The operations: each begins at once, goes on as a task, and ends with one outcome.

use std::collections::BTreeMap;
use std::sync::Arc;

use throng_common::ids::{ClusterId, RoleName};
use throng_common::verdict::Outcome;
use throng_failpoints::{Point, hit};

use super::bring_up::bring_up;
use super::failure::RolloutError;
use super::prepare::{Admitted, prepare};
use super::run::{RunLog, RunWish, ending_of, teardown_of};
use super::settling::scale_to_rest;
use super::take_down::{TornDown, take_down};
use crate::bundle::lay_out_copy;
use crate::cluster::LiveCluster;
use crate::core::Core;
use crate::operation::{Ended, OperationHandle, Verb};
use crate::report::model::{Ending, Teardown};

/// When a run's cluster is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Never.
    Never,
    /// When a test failed or the cluster did not come up.
    OnFailure,
    /// Always.
    Always,
}

/// Brings a cluster up.
pub fn start_up(core: &Arc<Core>, admitted: Admitted) -> OperationHandle {
    let id = ClusterId::generate(admitted.scenario.scenario.name.as_str());
    let operation = core.operations.begin(Verb::Up, id.clone());
    spawn(core, &operation, |core, operation| async move {
        match raise(&core, &id, &admitted, &operation).await {
            Ok(_) => ended(Outcome::Pass, "", TornDown::default(), true),
            Err((error, cluster)) => {
                let (torn, up) = match &cluster {
                    Some(cluster) => (take_down(&core, cluster, &operation).await, false),
                    None => (Ok(TornDown::default()), false),
                };
                fail(error, torn, up)
            }
        }
    })
}

/// Brings a cluster up, tests it, takes it down.
pub fn start_run(
    core: &Arc<Core>,
    admitted: Admitted,
    wish: RunWish,
    keep: Keep,
) -> Result<OperationHandle, RolloutError> {
    let id = ClusterId::generate(admitted.scenario.scenario.name.as_str());
    let log = RunLog::begin(core, wish, &id, &admitted.scenario)?;
    admitted.lay_out(core, &log.folder.scenario_dir())?;
    let operation = core.operations.begin(Verb::Run, id.clone());
    Ok(spawn(core, &operation, |core, operation| run(core, operation, id, admitted, log, keep)))
}

async fn run(
    core: Arc<Core>,
    operation: OperationHandle,
    id: ClusterId,
    admitted: Admitted,
    mut log: RunLog,
    keep: Keep,
) -> Ended {
    let (cluster, mut failure) = match raise(&core, &id, &admitted, &operation).await {
        Ok(cluster) => (Some(cluster), None),
        Err((error, cluster)) => (cluster, Some(error)),
    };
    if let (Some(cluster), None) = (&cluster, &failure) {
        failure = log.test(&core, cluster, &operation).await.err();
    }
    let ending = match &failure {
        Some(error) => ending_of(error),
        None if log.result.interrupted => Ending::Interrupted,
        None => Ending::Completed,
    };
    let before = crate::report::outcome::outcome(&log.result.tests, &log.result.not_run, &ending, &Teardown::Clean);
    let interrupted = operation.cancelled().is_cancelled();
    let kept = !interrupted
        && cluster.is_some()
        && (keep == Keep::Always || (keep == Keep::OnFailure && before != Outcome::Pass));
    let (teardown, torn) = match &cluster {
        Some(_) if kept => (Teardown::Kept { commands: next_commands(&id) }, Ok(TornDown::default())),
        Some(cluster) => {
            let torn = take_down(&core, cluster, &operation).await;
            (teardown_of(&torn), torn)
        }
        None => (Teardown::Clean, Ok(TornDown::default())),
    };
    let plan_refused = matches!(&failure, Some(error) if error.outcome() == Outcome::Usage);
    let finished = log.finish(&core, cluster.as_deref(), &operation, ending, teardown).await;
    let detail = failure.as_ref().map(RolloutError::text).unwrap_or_default();
    match finished {
        // A plan that does not fit is a matter of the scenario, not of nodes that did not come.
        Ok(_) if plan_refused => ended(Outcome::Usage, &detail, torn.unwrap_or_default(), kept),
        Ok(outcome) => ended(outcome, &detail, torn.unwrap_or_default(), kept),
        Err(error) => fail(error, torn, kept),
    }
}

/// Tests a cluster that is up.
pub fn start_test(core: &Arc<Core>, cluster: Arc<LiveCluster>, wish: RunWish) -> Result<OperationHandle, RolloutError> {
    free(core, &cluster)?;
    let record = cluster.record();
    let mut log = RunLog::begin(core, wish, &record.id, &record.scenario)?;
    lay_out_copy(&record.bundle_dir, &log.folder.scenario_dir())?;
    let operation = core.operations.begin(Verb::Test, record.id.clone());
    Ok(spawn(core, &operation, |core, operation| async move {
        let failure = log.test(&core, &cluster, &operation).await.err();
        let ending = match &failure {
            Some(error) => ending_of(error),
            None if log.result.interrupted => Ending::Interrupted,
            None => Ending::Completed,
        };
        let teardown = Teardown::Kept { commands: next_commands(&cluster.record().id) };
        let finished = log.finish(&core, Some(&cluster), &operation, ending, teardown).await;
        match finished {
            Ok(outcome) => {
                ended(outcome, &failure.map(|error| error.text()).unwrap_or_default(), TornDown::default(), true)
            }
            Err(error) => fail(error, Ok(TornDown::default()), true),
        }
    }))
}

/// Changes counts, and waits until the nodes that come are up, nothing is left of those that go, and every host is at
/// rest.
pub fn start_scale(
    core: &Arc<Core>,
    cluster: Arc<LiveCluster>,
    counts: BTreeMap<RoleName, u32>,
) -> Result<OperationHandle, RolloutError> {
    free(core, &cluster)?;
    let operation = core.operations.begin(Verb::Scale, cluster.record().id.clone());
    Ok(spawn(core, &operation, |core, operation| async move {
        let scaled = tokio::select! {
            scaled = scale_to_rest(&core, &cluster, &counts, &operation) => scaled,
            () = operation.cancelled().cancelled() => Err(RolloutError::Interrupted),
        };
        match scaled {
            Ok(()) => ended(Outcome::Pass, "", TornDown::default(), true),
            Err(error) => fail(error, Ok(TornDown::default()), true),
        }
    }))
}

/// Takes a cluster down.
pub fn start_down(core: &Arc<Core>, cluster: Arc<LiveCluster>) -> OperationHandle {
    let operation = core.operations.begin(Verb::Down, cluster.record().id.clone());
    spawn(core, &operation, |core, operation| async move {
        // Whatever else is at work on the cluster is asked to stop first.
        let id = cluster.record().id.clone();
        for other in core.operations.list() {
            if other.cluster.as_ref() == Some(&id) && other.outcome.is_none() && other.id != *operation.id() {
                core.operations.cancel(&other.id);
            }
        }
        match take_down(&core, &cluster, &operation).await {
            Ok(torn) => {
                let outcome = if torn.is_clean() { Outcome::Pass } else { Outcome::Residue };
                let detail = torn.unknown.clone();
                ended(outcome, &detail, torn, false)
            }
            Err(error) => fail(error, Ok(TornDown::default()), true),
        }
    })
}

/// Prepares and brings up; on failure gives the cluster, where there is one by then.
async fn raise(
    core: &Arc<Core>,
    id: &ClusterId,
    admitted: &Admitted,
    operation: &OperationHandle,
) -> Result<Arc<LiveCluster>, (RolloutError, Option<Arc<LiveCluster>>)> {
    let cluster = prepare(core, id, admitted, operation).await.map_err(|error| (error, core.cluster(id)))?;
    bring_up(core, &cluster, operation).await.map_err(|error| (error, Some(Arc::clone(&cluster))))?;
    Ok(cluster)
}

pub(super) fn spawn<F>(
    core: &Arc<Core>,
    operation: &OperationHandle,
    work: impl FnOnce(Arc<Core>, OperationHandle) -> F,
) -> OperationHandle
where
    F: Future<Output = Ended> + Send + 'static,
{
    let task = work(Arc::clone(core), operation.clone());
    let handle = operation.clone();
    hit(Point::OperationBegun);
    core.tasks.spawn(async move {
        let ended = task.await;
        handle.end(ended);
    });
    operation.clone()
}

pub(super) fn free(core: &Core, cluster: &LiveCluster) -> Result<(), RolloutError> {
    match core.operations.under_way(&cluster.record().id) {
        Some(other) => Err(RolloutError::Busy(other.id.to_string())),
        None => Ok(()),
    }
}

pub(super) fn ended(outcome: Outcome, detail: &str, torn: TornDown, cluster_up: bool) -> Ended {
    Ended { outcome, detail: detail.to_owned(), residues: torn.residues, cluster_up }
}

pub(super) fn fail(error: RolloutError, torn: Result<TornDown, RolloutError>, cluster_up: bool) -> Ended {
    let mut outcome = error.outcome();
    let mut detail = error.text();
    let torn = torn.unwrap_or_else(|error| {
        detail = format!("{detail}\nthe teardown failed: {}", error.text());
        TornDown { unknown: error.text(), ..TornDown::default() }
    });
    if !torn.is_clean() {
        outcome = outcome.and(Outcome::Residue);
    }
    ended(outcome, &detail, torn, cluster_up)
}

fn next_commands(id: &ClusterId) -> Vec<String> {
    vec![format!("throng ps --cluster {id}"), format!("throng test --cluster {id}"), format!("throng down {id}")]
}
