//! The operations: each begins at once, goes on as a task, and ends with one outcome.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use throng_common::error_chain::chain;
use throng_common::ids::{ClusterId, OperationId, RoleName};
use throng_common::verdict::Outcome;
use throng_failpoints::{Point, hit};

use super::bring_up::bring_up;
use super::failure::RolloutError;
use super::prepare::{Admitted, prepare};
use super::run::{RunLog, RunWish, teardown_of};
use super::settling::scale_to_rest;
use super::take_down::{TornDown, take_down};
use crate::bundle::lay_out_copy;
use crate::cluster::LiveCluster;
use crate::core::Core;
use crate::fleet::HOST_AWAY_MAX;
use crate::operation::{Begun, Ended, Keep, OperationHandle, Wish};
use crate::report::model::Teardown;

/// Until an ended operation that could not be taken out of the journal is tried again.
const FORGET_AGAIN: Duration = Duration::from_secs(5);

/// Brings a cluster up.
pub async fn start_up(core: &Arc<Core>, id: OperationId, admitted: Admitted) -> OperationHandle {
    let cluster = ClusterId::generate(admitted.scenario.scenario.name.as_str());
    let begun = core.operations.begin(id, Wish::Up, cluster.clone());
    spawn(core, begun, |core, operation| async move {
        match raise(&core, &cluster, &admitted, &operation).await {
            Ok(_) => ended(Outcome::Pass, "", TornDown::default(), true),
            Err((error, cluster)) => unwind(&core, error, cluster.as_ref(), &operation).await,
        }
    })
    .await
}

/// Takes down what there is of a cluster that did not come up.
pub(super) async fn unwind(
    core: &Arc<Core>,
    error: RolloutError,
    cluster: Option<&Arc<LiveCluster>>,
    operation: &OperationHandle,
) -> Ended {
    let torn = match cluster {
        Some(cluster) => take_down(core, cluster, operation).await,
        None => Ok(TornDown::default()),
    };
    fail(error, torn, false)
}

/// Brings a cluster up, tests it, takes it down.
pub async fn start_run(
    core: &Arc<Core>,
    id: OperationId,
    admitted: Admitted,
    wish: RunWish,
    keep: Keep,
) -> Result<OperationHandle, RolloutError> {
    let cluster = ClusterId::generate(admitted.scenario.scenario.name.as_str());
    let log = RunLog::begin(core, wish, &cluster, &admitted.scenario)?;
    admitted.lay_out(core, &log.folder.scenario_dir()).await?;
    let wish = Wish::Run { run: log.wish.run.clone(), seed: log.wish.seed, tests: log.wish.pattern(), keep };
    let begun = core.operations.begin(id, wish, cluster.clone());
    Ok(spawn(core, begun, |core, operation| run(core, operation, cluster, admitted, log, keep)).await)
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
    if let (Some(cluster), Some(RolloutError::Quorum { .. })) = (&cluster, &failure) {
        log.keep_missing(&core, cluster, &operation).await;
    }
    conclude(&core, &operation, cluster.as_ref(), log, failure, keep).await
}

/// The end of a run, whatever its tests came to: the cluster goes or is kept, and the report is written.
pub(super) async fn conclude(
    core: &Arc<Core>,
    operation: &OperationHandle,
    cluster: Option<&Arc<LiveCluster>>,
    log: RunLog,
    failure: Option<RolloutError>,
    keep: Keep,
) -> Ended {
    let ending = log.ending(failure.as_ref());
    let before = crate::report::outcome::outcome(&log.result.tests, &log.result.not_run, &ending, &Teardown::Clean);
    let interrupted = operation.cancelled().is_cancelled();
    let kept = !interrupted
        && cluster.is_some()
        && (keep == Keep::Always || (keep == Keep::OnFailure && before != Outcome::Pass));
    let (teardown, torn) = match cluster {
        Some(cluster) if kept => {
            (Teardown::Kept { commands: next_commands(&cluster.record().id) }, Ok(TornDown::default()))
        }
        Some(cluster) => {
            if let Err(error) = log.draft(core, cluster, operation, &ending).await {
                // Nothing keeps a cluster from going; whether there is room for the report shows after it.
                tracing::warn!(error = chain(&error), "what the run came to is not written down before its teardown");
            }
            let torn = take_down(core, cluster, operation).await;
            (teardown_of(&torn), torn)
        }
        None => (Teardown::Clean, Ok(TornDown::default())),
    };
    let plan_refused = matches!(&failure, Some(error) if error.outcome() == Outcome::Usage);
    let finished = log.finish(core, cluster.map(Arc::as_ref), operation, ending, teardown).await;
    let detail = failure.as_ref().map(RolloutError::text).unwrap_or_default();
    match finished {
        // A plan that does not fit is a matter of the scenario, not of nodes that did not come.
        Ok(_) if plan_refused => ended(Outcome::Usage, &detail, torn.unwrap_or_default(), kept),
        Ok(outcome) => ended(outcome, &detail, torn.unwrap_or_default(), kept),
        Err(error) => fail(error, torn, kept),
    }
}

/// Tests a cluster that is up.
pub async fn start_test(
    core: &Arc<Core>,
    id: OperationId,
    cluster: Arc<LiveCluster>,
    wish: RunWish,
) -> Result<OperationHandle, RolloutError> {
    let asked = Wish::Test { run: wish.run.clone(), seed: wish.seed, tests: wish.pattern() };
    let begun = begin_alone(core, id, asked, &cluster)?;
    let spawned = spawn(core, begun, |core, operation| async move {
        let mut log = match begin_log(&core, &cluster, wish).await {
            Ok(log) => log,
            Err(error) => return fail(error, Ok(TornDown::default()), true),
        };
        let failure = log.test(&core, &cluster, &operation).await.err();
        conclude_test(&core, &operation, &cluster, log, failure).await
    });
    Ok(spawned.await)
}

/// The log of a test of a cluster that is up, with what its programs find beside the scenario.
async fn begin_log(core: &Core, cluster: &LiveCluster, wish: RunWish) -> Result<RunLog, RolloutError> {
    let record = cluster.record();
    let log = RunLog::begin(core, wish, &record.id, &record.scenario)?;
    let folder = log.folder.scenario_dir();
    off_the_runtime(move || lay_out_copy(&record.bundle_dir, &folder)).await?;
    Ok(log)
}

/// Does what blocks on a thread of its own.
pub(super) async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| resume_unwind(error.into_panic()))
}

/// The end of a test of a cluster that stays.
pub(super) async fn conclude_test(
    core: &Arc<Core>,
    operation: &OperationHandle,
    cluster: &Arc<LiveCluster>,
    log: RunLog,
    failure: Option<RolloutError>,
) -> Ended {
    let ending = log.ending(failure.as_ref());
    let teardown = Teardown::Kept { commands: next_commands(&cluster.record().id) };
    let finished = log.finish(core, Some(cluster), operation, ending, teardown).await;
    match finished {
        Ok(outcome) => {
            ended(outcome, &failure.map(|error| error.text()).unwrap_or_default(), TornDown::default(), true)
        }
        Err(error) => fail(error, Ok(TornDown::default()), true),
    }
}

/// Changes counts, and waits until the nodes that come are up, nothing is left of those that go, and every host is at
/// rest.
pub async fn start_scale(
    core: &Arc<Core>,
    id: OperationId,
    cluster: Arc<LiveCluster>,
    counts: BTreeMap<RoleName, u32>,
) -> Result<OperationHandle, RolloutError> {
    let begun = begin_alone(core, id, Wish::Scale { counts: counts.clone() }, &cluster)?;
    let spawned =
        spawn(core, begun, |core, operation| async move { change_counts(&core, &cluster, &counts, &operation).await });
    Ok(spawned.await)
}

pub(super) async fn change_counts(
    core: &Arc<Core>,
    cluster: &Arc<LiveCluster>,
    counts: &BTreeMap<RoleName, u32>,
    operation: &OperationHandle,
) -> Ended {
    let scaled = tokio::select! {
        scaled = async {
            await_hosts(core, cluster).await;
            scale_to_rest(core, cluster, counts, operation).await
        } => scaled,
        () = operation.cancelled().cancelled() => Err(RolloutError::Interrupted),
    };
    match scaled {
        Ok(()) => ended(Outcome::Pass, "", TornDown::default(), true),
        Err(error) => fail(error, Ok(TornDown::default()), true),
    }
}

/// Waits until a cluster's hosts are connected: a coordinator that has just begun has none yet. Those that stay away are
/// dealt with by whoever needs them.
async fn await_hosts(core: &Core, cluster: &LiveCluster) {
    let hosts = Core::hosts_of(cluster);
    join_all(hosts.iter().map(|host| core.fleet.wait_connected(host, HOST_AWAY_MAX))).await;
}

/// Takes a cluster down.
pub async fn start_down(core: &Arc<Core>, id: OperationId, cluster: Arc<LiveCluster>) -> OperationHandle {
    let begun = core.operations.begin(id, Wish::Down, cluster.record().id.clone());
    spawn(core, begun, |core, operation| async move { down(&core, &cluster, &operation).await }).await
}

pub(super) async fn down(core: &Arc<Core>, cluster: &Arc<LiveCluster>, operation: &OperationHandle) -> Ended {
    // Whatever else is at work on the cluster is asked to stop first.
    let id = cluster.record().id.clone();
    for other in core.operations.list() {
        if other.cluster.as_ref() == Some(&id) && other.outcome.is_none() && other.id != *operation.id() {
            core.cancel(&other.id).await;
        }
    }
    match take_down(core, cluster, operation).await {
        Ok(torn) => {
            let outcome = if torn.is_clean() { Outcome::Pass } else { Outcome::Residue };
            let detail = torn.unknown.clone();
            ended(outcome, &detail, torn, false)
        }
        Err(error) => fail(error, Ok(TornDown::default()), true),
    }
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

/// Begins the work of an operation, unless it has begun already. It is in the journal when this returns, and goes on when
/// this is given up.
pub(super) async fn spawn<F>(
    core: &Arc<Core>,
    begun: Begun,
    work: impl FnOnce(Arc<Core>, OperationHandle) -> F,
) -> OperationHandle
where
    F: Future<Output = Ended> + Send + 'static,
{
    let operation = match begun {
        Begun::New(operation) => operation,
        Begun::Already(operation) => return operation,
    };
    let task = work(Arc::clone(core), operation.clone());
    let (journalled, written) = tokio::sync::oneshot::channel();
    let (own, handle) = (Arc::clone(core), operation.clone());
    core.tasks.spawn(async move {
        // A journal that cannot be written keeps nothing from being done, least of all a teardown.
        if let Err(error) = own.store.save_operation(handle.record()).await {
            tracing::warn!(operation = %handle.id(), error = chain(&error), "an operation is not in the journal");
        }
        // Whoever asked may have gone away.
        let _ = journalled.send(());
        see_through(&own, &handle, task).await;
    });
    // Nothing is sent only by a task that the coordinator's end has cut short.
    let _ = written.await;
    hit(Point::OperationBegun);
    operation
}

/// Sees an operation through to its end, which is said first and forgotten then: a coordinator that dies in between says
/// it again. One that is told to end leaves it to the next one. A panic is its end, too: it would come again in every
/// coordinator that goes on with it.
pub(super) async fn see_through(core: &Core, operation: &OperationHandle, work: impl Future<Output = Ended>) {
    let contained = AssertUnwindSafe(work).catch_unwind();
    let Some(done) = core.stop.run_until_cancelled(contained).await else {
        tracing::info!(operation = %operation.id(), "left to the next coordinator");
        return;
    };
    let ended = done.unwrap_or_else(|panic| {
        let is_up = operation.cluster().is_some_and(|id| core.cluster(id).is_some());
        fail(RolloutError::Fault(words(&*panic).to_owned()), Ok(TornDown::default()), is_up)
    });
    operation.end(ended);
    // What stays in the journal would be done once more by the next coordinator.
    while let Err(error) = core.store.delete_operation(operation.id().clone()).await {
        tracing::warn!(operation = %operation.id(), error = chain(&error), "an ended operation stays in the journal");
        if core.stop.run_until_cancelled(tokio::time::sleep(FORGET_AGAIN)).await.is_none() {
            return;
        }
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words")
}

/// Begins an operation on a cluster on which no other is at work.
pub(super) fn begin_alone(
    core: &Core,
    id: OperationId,
    wish: Wish,
    cluster: &LiveCluster,
) -> Result<Begun, RolloutError> {
    let begun = core.operations.begin_alone(id, wish, cluster.record().id.clone());
    begun.map_err(|other| RolloutError::Busy(other.to_string()))
}

pub(super) fn ended(outcome: Outcome, detail: &str, torn: TornDown, cluster_up: bool) -> Ended {
    Ended { outcome, detail: detail.to_owned(), residues: torn.residues, cluster_up, begin_again: false }
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
