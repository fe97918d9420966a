//! Many nodes at a time.

use std::time::{Duration, Instant};

use futures_util::stream::{self, Stream, StreamExt as _};
use throng_common::ids::NodeName;
use throng_failpoints::{Fault, Point, hit, planted};

use super::target::{Means, Target, TargetError};
use super::{container, process};
use crate::host::engine::model::{ExecEnd, ExecRequest};

/// Commands under way at once where the caller does not say: about what keeps two cores and the engine busy.
pub const DEFAULT_PARALLEL: usize = 8;
/// Most commands under way at once, whatever the caller says: each costs the engine a shim and this agent two pipes.
pub const PARALLEL_MAX: usize = 64;

/// A command for one node.
#[derive(Debug, Clone)]
pub struct Job {
    /// The node.
    pub node: NodeName,
    /// Where it runs; none where it does not.
    pub target: Option<Target>,
    /// The command.
    pub request: ExecRequest,
}

/// What came of it.
#[derive(Debug)]
pub struct ExecOutcome {
    /// The node.
    pub node: NodeName,
    /// How the command ended, or why it could not be run.
    pub result: Result<ExecEnd, TargetError>,
    /// How long it took, without the time that it waited for its turn.
    pub took: Duration,
}

/// Runs all jobs, `parallel` at a time (0: [`DEFAULT_PARALLEL`]). Gives an outcome for every one of them; dropping the
/// stream ends what is under way.
pub fn run_all(means: Means, jobs: Vec<Job>, parallel: usize) -> impl Stream<Item = ExecOutcome> + Send {
    let parallel = if parallel == 0 { DEFAULT_PARALLEL } else { parallel.min(PARALLEL_MAX) };
    let run = move |job: Job| {
        let means = means.clone();
        async move {
            let begun = Instant::now();
            hit(Point::ExecBeginning);
            if planted(Fault::ExecTwice) {
                drop(run_one(&means, job.target.as_ref(), job.request.clone()).await);
            }
            let result = run_one(&means, job.target.as_ref(), job.request).await;
            hit(Point::ExecEnded);
            ExecOutcome { node: job.node, result, took: begun.elapsed() }
        }
    };
    let lost = |outcome: &ExecOutcome| planted(Fault::LoseOutcome) && outcome.node.index() == 0;
    let outcomes = stream::iter(jobs).map(run).buffer_unordered(parallel);
    outcomes.filter(move |outcome| std::future::ready(!lost(outcome)))
}

/// Runs one command in one node.
pub async fn run_one(means: &Means, target: Option<&Target>, request: ExecRequest) -> Result<ExecEnd, TargetError> {
    match target {
        None => Err(TargetError::NotRunning),
        Some(Target::Container { id, process }) => container::run(means, id, *process, request).await,
        Some(Target::Process { dir }) => process::run(&means.program, dir, request).await,
    }
}
