//! One test: setup, its steps as often as it says, and teardown, whatever happened.

use std::collections::BTreeSet;
use std::time::Duration;

use throng_common::ids::NodeName;
use throng_common::scenario::model::{Expected, Test};
use throng_common::scenario::steps::Step;
use throng_common::span::Span;
use throng_common::status::UnixMillis;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::artefacts;
use super::clock::millis;
use super::context::{Context, Place};
use super::engine::PHASE;
use super::expect::Miss;
use super::fold;
use super::step::{run_step, title};
use super::verdict::{TestEnd, verdict};
use crate::judgement::{self, Judgement};
use crate::operation::OperationEvent;
use crate::planner::texts::Saved;
use crate::report::model::{Cause, Part, StepReport, TestReport};
use throng_common::verdict::Verdict;

/// How long all of a test's teardown may take: it also runs when the operator is waiting for the end.
const TEARDOWN_MAX: Duration = Duration::from_secs(120);

/// What is known of a test while it runs. It outlives the steps' future, which may be dropped in the midst.
#[derive(Debug, Default)]
struct TestLog {
    steps: Vec<StepReport>,
    saved: Saved,
    failing: BTreeSet<NodeName>,
    repetitions: u32,
    current: Option<Current>,
}

/// The step that is under way.
#[derive(Debug)]
struct Current {
    part: Part,
    number: String,
    title: String,
    started_at: UnixMillis,
    began: Instant,
}

/// Runs a test; `number` is its place in the scenario, from 1.
pub(super) async fn run_test(
    context: &Context<'_>,
    test: &Test,
    number: usize,
    cancel: &CancellationToken,
) -> TestReport {
    let (started_at, began) = (context.clock.now(), Instant::now());
    let deadline = began + test.timeout.0;
    context.recording.begin_test();
    let mut log = TestLog::default();
    // Dropping the steps in the midst is safe: what they found is in the log, programs die with their guard, and what
    // was done to the cluster is undone by the teardown and, in the end, by the cluster's own.
    let end = tokio::select! {
        biased;
        () = cancel.cancelled() => TestEnd::Interrupted,
        () = run_parts(context, test, number, &mut log) => TestEnd::Finished,
        () = sleep_until(deadline) => TestEnd::TimedOut,
    };
    let ended_by = log.close(end, test.timeout);
    let judged_so_far = verdict(test.expect, end, &log.steps);
    let artefacts = match judged_so_far {
        Some(Verdict::Fail) => artefacts::gather(context, &log.failing).await,
        _ => Vec::new(),
    };
    tear_down(context, test, number, &mut log).await;
    let mut report = TestReport {
        name: test.name.clone(),
        verdict: verdict(test.expect, end, &log.steps),
        evidence: String::new(),
        known_failure: match test.expect {
            Expected::Pass => None,
            Expected::Fail => Some(test.reason.clone().unwrap_or_else(|| "no reason given".to_owned())),
        },
        started_at,
        took_millis: millis(began.elapsed()),
        repetitions: log.repetitions,
        steps: log.steps,
        ended_by,
        artefacts,
    };
    excuse(context, &mut report).await;
    report
}

/// A failure that is a matter of time may be the machine's.
async fn excuse(context: &Context<'_>, report: &mut TestReport) {
    let until = context.clock.now();
    if report.verdict != Some(Verdict::Fail) || !judgement::is_late_only(report) {
        return;
    }
    let (places, hosts) = (context.ops.places(), context.ops.hosts());
    context.recording.reach(&hosts.keys().cloned().collect(), until).await;
    let witness = context.recording.witness(&hosts);
    if let Some(Judgement { verdict, evidence }) = judgement::judge(report, &places, &witness) {
        report.verdict = Some(verdict);
        report.evidence = evidence;
    }
}

async fn run_parts(context: &Context<'_>, test: &Test, number: usize, log: &mut TestLog) {
    let place =
        |part, repetition| Place { test: &test.name, test_number: number, part, number: String::new(), repetition };
    if !run_steps(context, &place(Part::Setup, (1, 1)), &test.setup, log).await {
        return;
    }
    let saved_by_setup = log.saved.clone();
    for repetition in 1..=test.repeat.max(1) {
        // Of many repetitions the last is kept: the one that failed, if one did.
        log.steps.retain(|step| step.part != Part::Step);
        log.saved.clone_from(&saved_by_setup);
        log.repetitions = repetition;
        if !run_steps(context, &place(Part::Step, (repetition, 1)), &test.step, log).await {
            return;
        }
    }
}

/// Runs steps in order up to the first that does not hold. Whether all held.
async fn run_steps(context: &Context<'_>, place: &Place<'_>, steps: &[Step], log: &mut TestLog) -> bool {
    for (index, step) in steps.iter().enumerate() {
        let place = Place { number: (index + 1).to_string(), ..place.clone() };
        let title = title(step);
        context.events.emit(OperationEvent::PhaseProgress {
            phase: PHASE.to_owned(),
            done: fold::count(index).into(),
            total: fold::count(steps.len()).into(),
            detail: title.clone(),
        });
        log.current = Some(Current {
            part: place.part,
            number: place.number.clone(),
            title,
            started_at: context.clock.now(),
            began: Instant::now(),
        });
        let run = run_step(context, place, step, &log.saved).await;
        log.current = None;
        let held = run.report.held;
        log.saved = run.saved;
        log.failing.extend(run.failing);
        log.steps.push(run.report);
        if !held {
            return false;
        }
    }
    true
}

/// Runs every step of the teardown, also after one that fails, within one bound for all.
async fn tear_down(context: &Context<'_>, test: &Test, number: usize, log: &mut TestLog) {
    let deadline = Instant::now() + TEARDOWN_MAX;
    for (index, step) in test.teardown.iter().enumerate() {
        let place = Place {
            test: &test.name,
            test_number: number,
            part: Part::Teardown,
            number: (index + 1).to_string(),
            repetition: (1, 1),
        };
        let current = Current {
            part: Part::Teardown,
            number: place.number.clone(),
            title: title(step),
            started_at: context.clock.now(),
            began: Instant::now(),
        };
        if let Ok(run) = timeout_at(deadline, run_step(context, place, step, &log.saved)).await {
            log.saved = run.saved;
            log.steps.push(run.report);
        } else {
            let message = format!("cut off: a test's teardown may take {} in all", Span(TEARDOWN_MAX));
            log.steps.push(current.cut_off(Miss::new(Cause::TimedOut, message)));
        }
    }
}

impl TestLog {
    /// Closes the log when the steps are over, one way or another; what ended them from outside.
    fn close(&mut self, end: TestEnd, timeout: Span) -> String {
        let current = self.current.take();
        let at = current
            .as_ref()
            .map_or_else(String::new, |current| format!(" in {} {}", current.part.word(), current.number));
        match end {
            TestEnd::Finished => String::new(),
            TestEnd::Interrupted => format!("interrupted{at}"),
            TestEnd::TimedOut => {
                let ended_by = format!("the test's timeout of {timeout} was over{at}");
                let miss = Miss::new(Cause::TimedOut, format!("cut off: the test's timeout of {timeout} was over"));
                self.steps.extend(current.map(|current| current.cut_off(miss)));
                ended_by
            }
        }
    }
}

impl Current {
    /// The report of a step that was cut off.
    fn cut_off(self, miss: Miss) -> StepReport {
        StepReport {
            part: self.part,
            number: self.number,
            title: self.title,
            started_at: self.started_at,
            took_millis: millis(self.began.elapsed()),
            attempts: 0,
            repetitions: 1,
            nodes: 0,
            held: false,
            failures: vec![fold::whole(miss)],
            notes: Vec::new(),
            artefacts: Vec::new(),
            recorded: Vec::new(),
            steps: Vec::new(),
        }
    }
}
