//! Runs a scenario's tests, one after the other, with the metrics sampled beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use regex::Regex;
use throng_common::ids::NodeName;
use throng_common::scenario::model::{Scenario, Test};
use tokio_util::sync::CancellationToken;

use super::artefacts::{self, NODES_PER_RUN_MAX};
use super::context::Context;
use super::fold;
use super::ops::ClusterOps;
use super::sampler::Sampler;
use super::test_run::run_test;
use crate::measure::Recording;
use crate::operation::{EventSink, NoteLevel, OperationEvent};
use crate::report::folder::RunFolder;
use crate::report::human::failures::failure_line;
use crate::report::model::{MetricReport, NotRun, StepReport, TestReport, WhyNotRun};

/// The phase whose progress the steps of the tests are.
pub const PHASE: &str = "tests";

/// Most lines of a test's event: the report has all.
const EVENT_LINES_MAX: usize = 6;

/// How tests are run.
#[derive(Debug)]
pub struct RunOptions {
    /// Only tests whose name matches.
    pub tests: Option<Regex>,
    /// What every random draw is made from.
    pub seed: u64,
    /// The run's folder, with the scenario's files in it.
    pub folder: RunFolder,
    /// The executable that programs find as `THRONG_BIN`.
    pub throng_bin: PathBuf,
    /// Further variables for programs: where the CLI finds this coordinator.
    pub environment: BTreeMap<String, String>,
    /// What the run records; its clock is the run's.
    pub recording: Arc<Recording>,
}

/// What the tests came to.
#[derive(Debug, Clone, PartialEq)]
pub struct RunResult {
    /// The tests that were begun.
    pub tests: Vec<TestReport>,
    /// The tests that were not.
    pub not_run: Vec<NotRun>,
    /// The metrics.
    pub metrics: Vec<MetricReport>,
    /// Whether the run was interrupted.
    pub interrupted: bool,
}

/// Why nothing was run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuiteError {
    /// A filter that leaves nothing would pass without having tested anything.
    #[error("no test's name matches `{pattern}`: the scenario has {names}")]
    NoTestMatches {
        /// The filter.
        pattern: String,
        /// All tests' names.
        names: String,
    },
}

/// Checks that something is left to run; worth asking before a cluster is brought up.
pub fn check_filter(scenario: &Scenario, tests: Option<&Regex>) -> Result<(), SuiteError> {
    let Some(filter) = tests else { return Ok(()) };
    if scenario.test.iter().any(|test| filter.is_match(&test.name)) {
        return Ok(());
    }
    let names: Vec<String> = scenario.test.iter().map(|test| format!("`{}`", test.name)).collect();
    let names = if names.is_empty() { "no tests".to_owned() } else { names.join(", ") };
    Err(SuiteError::NoTestMatches { pattern: filter.to_string(), names })
}

/// Runs the tests. When `cancel` is cancelled, the current test is torn down and the others are not begun.
pub async fn run(
    scenario: &Scenario,
    ops: Arc<dyn ClusterOps>,
    options: RunOptions,
    events: &dyn EventSink,
    cancel: CancellationToken,
) -> Result<RunResult, SuiteError> {
    check_filter(scenario, options.tests.as_ref())?;
    let sampler = Sampler::new(scenario, Arc::clone(&ops), options.recording.clock());
    let context = context(scenario, ops.as_ref(), &options, &sampler, events);
    let testing = run_tests(&context, options.tests.as_ref(), &cancel);
    tokio::pin!(testing);
    // The sampler has nothing to clean up: it ends by being dropped when the tests are over.
    let (tests, not_run) = tokio::select! {
        done = &mut testing => done,
        () = sampler.run() => testing.await,
    };
    Ok(RunResult { tests, not_run, metrics: sampler.reports(), interrupted: cancel.is_cancelled() })
}

/// Keeps what there is to read of nodes that did not come up, as of those on which a test failed; the files' names in the
/// run's folder.
pub async fn keep_missing(
    scenario: &Scenario,
    ops: Arc<dyn ClusterOps>,
    options: &RunOptions,
    events: &dyn EventSink,
    missing: &BTreeSet<NodeName>,
) -> Vec<String> {
    let sampler = Sampler::new(scenario, Arc::clone(&ops), options.recording.clock());
    artefacts::gather(&context(scenario, ops.as_ref(), options, &sampler, events), missing).await
}

fn context<'a>(
    scenario: &'a Scenario,
    ops: &'a dyn ClusterOps,
    options: &'a RunOptions,
    sampler: &'a Sampler,
    events: &'a dyn EventSink,
) -> Context<'a> {
    Context {
        scenario,
        ops,
        sampler,
        folder: &options.folder,
        throng_bin: &options.throng_bin,
        environment: &options.environment,
        seed: options.seed,
        clock: options.recording.clock(),
        recording: &options.recording,
        events,
        log_budget: AtomicUsize::new(NODES_PER_RUN_MAX),
    }
}

async fn run_tests(
    context: &Context<'_>,
    filter: Option<&Regex>,
    cancel: &CancellationToken,
) -> (Vec<TestReport>, Vec<NotRun>) {
    let chosen = |test: &Test| filter.is_none_or(|filter| filter.is_match(&test.name));
    let total = fold::count(context.scenario.test.iter().filter(|test| chosen(test)).count());
    let seed = format!("random draws are made from seed {}", context.seed);
    context.events.emit(OperationEvent::Note { level: NoteLevel::Info, text: seed, hint: String::new() });
    let (mut reports, mut not_run) = (Vec::new(), Vec::new());
    for (index, test) in context.scenario.test.iter().enumerate() {
        let left_out = |why| NotRun { name: test.name.clone(), why };
        if !chosen(test) {
            not_run.push(left_out(WhyNotRun::Filtered));
            continue;
        }
        if cancel.is_cancelled() {
            not_run.push(left_out(WhyNotRun::Interrupted));
            continue;
        }
        let position = fold::count(reports.len()) + 1;
        context.events.emit(OperationEvent::TestStarted { test: test.name.clone(), position, total });
        let report = run_test(context, test, index + 1, cancel).await;
        context.events.emit(ended(&report));
        reports.push(report);
    }
    (reports, not_run)
}

fn ended(report: &TestReport) -> OperationEvent {
    let mut lines: Vec<String> = Some(report.evidence.clone()).filter(|line| !line.is_empty()).into_iter().collect();
    for step in &report.steps {
        failure_lines(step, &mut lines);
    }
    if lines.is_empty() && !report.ended_by.is_empty() {
        lines.push(report.ended_by.clone());
    }
    let more = lines.len().saturating_sub(EVENT_LINES_MAX);
    lines.truncate(EVENT_LINES_MAX);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    OperationEvent::TestEnded {
        test: report.name.clone(),
        verdict: report.verdict,
        took: Duration::from_millis(report.took_millis),
        detail: lines.join("\n"),
    }
}

fn failure_lines(step: &StepReport, lines: &mut Vec<String>) {
    lines.extend(
        step.failures
            .iter()
            .map(|failure| format!("{} {} ({}): {}", step.part.word(), step.number, step.title, failure_line(failure))),
    );
    for inner in &step.steps {
        failure_lines(inner, lines);
    }
}
