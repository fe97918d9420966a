//! Going on with what was under way when a former life of the coordinator ended.
//!
//! What is desired of a cluster is in the journal before anybody is told, and every step towards it can be done twice:
//! bringing up, scaling and taking down go on from where they are. Tests cannot: what they came to is not known, so a run
//! ends as one that says nothing of the system under test, and its cluster goes as if the run had failed. Once they are
//! over it is known: then only the teardown goes on. What is left is for whoever asked to ask again.

use std::sync::Arc;

use regex::Regex;
use throng_common::error_chain::chain;
use throng_common::ids::RunId;
use throng_common::verdict::Outcome;

use super::bring_up::bring_up;
use super::commands::{change_counts, conclude, conclude_test, down, ended, fail, see_through, unwind};
use super::failure::RolloutError;
use super::run::{RunLog, RunWish, finish_draft, remember, teardown_of};
use super::take_down::{TornDown, take_down};
use crate::cluster::{ClusterState, LiveCluster};
use crate::core::Core;
use crate::operation::{Ended, Keep, NoteLevel, OperationHandle, Wish};
use crate::report::folder::RunFolder;
use crate::report::model::{Ending, RunReport, Teardown};

const GOES_ON: &str = "the coordinator ended in the midst of this and has begun anew: it goes on";
const LEFT_OFF: &str = "the coordinator ended in the midst of it";

/// Goes on with all operations of a former life, each as a task of its own.
pub fn go_on(core: &Arc<Core>) {
    for operation in core.operations.of_former_life() {
        tracing::info!(operation = %operation.id(), "an operation of a former life is taken up");
        let own = Arc::clone(core);
        core.tasks.spawn(async move { see_through(&own, &operation, Box::pin(resume(&own, &operation))).await });
    }
}

async fn resume(core: &Arc<Core>, operation: &OperationHandle) -> Ended {
    let cluster = operation.cluster().and_then(|id| core.cluster(id));
    let goes_on = || operation.note(NoteLevel::Warning, GOES_ON, "");
    match (operation.wish(), &cluster) {
        (Wish::Down, Some(cluster)) => {
            goes_on();
            down(core, cluster, operation).await
        }
        (Wish::Down, None) => gone(core, operation).await,
        (Wish::Up, Some(cluster)) => {
            goes_on();
            up(core, cluster, operation).await
        }
        (Wish::Scale { counts }, Some(cluster)) => {
            goes_on();
            change_counts(core, cluster, counts, operation).await
        }
        (Wish::Run { run, seed, tests, keep }, Some(cluster)) => {
            left_off(core, operation, cluster, run_wish(run, *seed, tests.as_deref()), Some(*keep)).await
        }
        (Wish::Test { run, seed, tests }, Some(cluster)) => {
            left_off(core, operation, cluster, run_wish(run, *seed, tests.as_deref()), None).await
        }
        (Wish::Run { run, .. } | Wish::Test { run, .. }, None) => match (reported(core, run).await, drafted(core, run))
        {
            (Some(ended), _) => ended,
            (None, Some(draft)) => tested(core, operation, None, draft).await,
            (None, None) => begin_again(false),
        },
        (Wish::Up | Wish::Scale { .. }, None) => begin_again(false),
        (Wish::Sweep | Wish::Restart | Wish::Reset | Wish::Update, cluster) => begin_again(cluster.is_some()),
    }
}

/// The end of tests of which nothing is known, unless they had come to their report; those that were to stop have stopped.
/// `keep` is a run's; without it the cluster was up before and stays.
async fn left_off(
    core: &Arc<Core>,
    operation: &OperationHandle,
    cluster: &Arc<LiveCluster>,
    wish: RunWish,
    keep: Option<Keep>,
) -> Ended {
    if let Some(ended) = reported(core, &wish.run).await {
        return ended;
    }
    if let Some(draft) = drafted(core, &wish.run) {
        return tested(core, operation, Some(cluster), draft).await;
    }
    let was_to_stop = operation.cancelled().is_cancelled();
    let why = if was_to_stop { RolloutError::Interrupted } else { RolloutError::LeftOff };
    let ended = match (log(core, operation, cluster, wish), keep) {
        (Ok(log), Some(keep)) => {
            // One that was on its way down is of no more use to anybody.
            let keep = if cluster.record().state == ClusterState::Stopping { Keep::Never } else { keep };
            conclude(core, operation, Some(cluster), log, Some(why), keep).await
        }
        (Ok(log), None) => conclude_test(core, operation, cluster, log, Some(why)).await,
        (Err(error), Some(_)) => unwind(core, error, Some(cluster), operation).await,
        (Err(error), None) => fail(error, Ok(TornDown::default()), true),
    };
    if was_to_stop { ended } else { again(ended) }
}

fn run_wish(run: &RunId, seed: u64, tests: Option<&str>) -> RunWish {
    // It was one when it was asked for.
    RunWish { run: run.clone(), tests: tests.and_then(|tests| Regex::new(tests).ok()), seed }
}

/// A teardown whose cluster is not among those that are known. Only an audit that finds nothing takes one out of the
/// journal; one that is still in it cannot be read.
async fn gone(core: &Core, operation: &OperationHandle) -> Ended {
    let torn = gone_by_journal(core, operation).await;
    if torn.is_clean() { ended(Outcome::Pass, "nothing of it is left", torn, false) } else { begin_again(true) }
}

async fn gone_by_journal(core: &Core, operation: &OperationHandle) -> TornDown {
    let Some(id) = operation.cluster() else { return TornDown::default() };
    match core.store.has_cluster(id.clone()).await {
        Ok(false) => TornDown::default(),
        Ok(true) | Err(_) => TornDown {
            unknown: format!(
                "the journal's record of {id} cannot be read: `throng down --orphans` shows what is there"
            ),
            ..TornDown::default()
        },
    }
}

async fn up(core: &Arc<Core>, cluster: &Arc<LiveCluster>, operation: &OperationHandle) -> Ended {
    let raised = match cluster.record().state {
        _ if operation.cancelled().is_cancelled() => Err(RolloutError::Interrupted),
        ClusterState::Up | ClusterState::Resetting => Ok(()),
        ClusterState::Starting => bring_up(core, cluster, operation).await,
        ClusterState::Stopping => Err(RolloutError::OnItsWayDown),
    };
    match raised {
        Ok(()) => ended(Outcome::Pass, "", TornDown::default(), true),
        Err(error) => unwind(core, error, Some(cluster), operation).await,
    }
}

/// The log of a run that another life began: without what came of its tests.
fn log(core: &Core, operation: &OperationHandle, cluster: &LiveCluster, wish: RunWish) -> Result<RunLog, RolloutError> {
    let record = cluster.record();
    Ok(RunLog::begin(core, wish, &record.id, &record.scenario)?.of_former_life(operation.started()))
}

/// The end of a run that had come to its report; none where it had not. It may not have come to the journal.
async fn reported(core: &Core, run: &RunId) -> Option<Ended> {
    let folder = RunFolder::open(core.state.run_dir(run));
    let report = folder.load().ok()?;
    if let Err(error) = remember(core, &folder, &report).await {
        tracing::warn!(%run, error = chain(&error), "a run's report is not in the journal");
    }
    let is_up = matches!(report.teardown, Teardown::Kept { .. });
    Some(ended(report.outcome, "", TornDown::default(), is_up))
}

/// What a run had come to when its cluster was on its way down; none where it had not come so far.
fn drafted(core: &Core, run: &RunId) -> Option<RunReport> {
    RunFolder::open(core.state.run_dir(run)).load_draft().ok()
}

/// The end of a run that had been tested: its cluster goes on going, if it is not gone yet.
async fn tested(
    core: &Arc<Core>,
    operation: &OperationHandle,
    cluster: Option<&Arc<LiveCluster>>,
    draft: RunReport,
) -> Ended {
    operation.note(NoteLevel::Warning, GOES_ON, "");
    let torn = match cluster {
        Some(cluster) => take_down(core, cluster, operation).await,
        None => Ok(gone_by_journal(core, operation).await),
    };
    let ending = draft.ending.clone();
    let ended = match finish_draft(core, operation, draft, teardown_of(&torn)).await {
        Ok(outcome) => ended(outcome, ending.detail(), torn.unwrap_or_default(), false),
        Err(error) => fail(error, torn, false),
    };
    if matches!(ending, Ending::LeftOff { .. }) { again(ended) } else { ended }
}

fn begin_again(cluster_up: bool) -> Ended {
    again(ended(Outcome::Environment, LEFT_OFF, TornDown::default(), cluster_up))
}

fn again(ended: Ended) -> Ended {
    Ended { begin_again: true, ..ended }
}
