//! A run as JUnit XML, worded for what CI servers show: one test suite a run, one test case a test.
//!
//! - FAIL and UNEXPECTED PASS are `failure`: red, with the folded nodes in the message, which is what lists show.
//! - INVALID and SUSPECT are `error`: red too, and told apart from failures of the system under test.
//! - A known failure is `skipped` with its reason: `failure` would keep every build red and hide the new ones, and a
//!   pass would hide it altogether. Jenkins, GitLab and GitHub's actions all show skipped tests with their message.
//! - A test that was interrupted or never reached is an `error`: what did not run must not look green. One that the
//!   operator left out is not in the suite at all.
//! - Two cases of our own, always there so that their history has no gaps: the cluster came up; nothing was left.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};
use throng_common::verdict::Verdict;

use super::human::failures::{failure_block, first_line};
use super::model::{Ending, RunReport, StepReport, Teardown, TestReport, WhyNotRun};

#[cfg(test)]
mod tests;

/// The class of the test cases that are throng's own.
const OWN_CLASS: &str = "throng";

/// The report as XML.
pub(super) fn xml(report: &RunReport) -> Result<String, SerializeError> {
    let mut suite = TestSuite::new(report.scenario.clone());
    suite.set_time(Duration::from_millis(report.took_millis));
    suite.timestamp = timestamp(report.started_at.0).and_then(|text| text.parse().ok());
    for (name, value) in properties(report) {
        suite.add_property((name, value.as_str()));
    }
    suite.add_test_case(came_up(report));
    suite.add_test_cases(report.tests.iter().map(|test| case(report, test)));
    suite.add_test_cases(report.not_run.iter().filter(|test| test.why != WhyNotRun::Filtered).map(|test| {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(format!("not run: {}", test.why.words())).set_type("not-run");
        classed(&report.scenario, &test.name, status)
    }));
    suite.add_test_case(left_nothing(report));
    let mut document = Report::new(report.run.to_string());
    document.set_time(Duration::from_millis(report.took_millis));
    document.add_test_suite(suite);
    document.to_string()
}

fn properties(report: &RunReport) -> Vec<(&'static str, String)> {
    let mut properties = vec![
        ("throng.run", report.run.to_string()),
        ("throng.cluster", report.cluster.to_string()),
        ("throng.seed", report.seed.to_string()),
        ("throng.version", report.versions.throng.clone()),
        ("throng.build", report.versions.build.clone()),
        ("throng.outcome", format!("{:?}", report.outcome).to_lowercase()),
    ];
    for host in &report.hosts {
        let engine = host.engine.as_deref().unwrap_or("no engine");
        properties
            .push(("throng.host", format!("{}: kernel {}, {engine}, {} nodes", host.host, host.kernel, host.nodes)));
    }
    for image in &report.images {
        properties.push(("throng.image", format!("{}: {} {}", image.role, image.image, image.digest)));
    }
    properties
}

fn case(report: &RunReport, test: &TestReport) -> TestCase {
    let mut case = classed(&report.scenario, &test.name, status(test));
    case.set_time(Duration::from_millis(test.took_millis));
    case.timestamp = timestamp(test.started_at.0).and_then(|text| text.parse().ok());
    case.set_assertions(test.steps.len());
    case.set_system_out(steps(&test.steps));
    case
}

fn status(test: &TestReport) -> TestCaseStatus {
    let failed = |kind| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(first_line(test)).set_type(cause(test)).set_description(failure_block(test));
        status
    };
    match test.verdict {
        Some(Verdict::Pass) => TestCaseStatus::success(),
        Some(Verdict::Fail) => failed(NonSuccessKind::Failure),
        Some(Verdict::Invalid) => typed(failed(NonSuccessKind::Error), "invalid"),
        Some(Verdict::Suspect) => typed(failed(NonSuccessKind::Error), "suspect"),
        Some(Verdict::UnexpectedPass) => {
            let reason = test.known_failure.as_deref().unwrap_or_default();
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_message(format!("passed, although it is a known failure ({reason}): remove expect = \"fail\""))
                .set_type("unexpected-pass");
            status
        }
        Some(Verdict::KnownFailure) => {
            let mut status = TestCaseStatus::skipped();
            status
                .set_message(format!("known failure: {}", test.known_failure.as_deref().unwrap_or_default()))
                .set_type("known-failure")
                .set_description(failure_block(test));
            status
        }
        None => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(test.ended_by.clone()).set_type("interrupted");
            status
        }
    }
}

fn typed(mut status: TestCaseStatus, kind: &str) -> TestCaseStatus {
    status.set_type(kind.to_owned());
    status
}

/// In what way the test failed: the cause of its first failure.
fn cause(test: &TestReport) -> &'static str {
    fn first(steps: &[StepReport]) -> Option<&'static str> {
        steps
            .iter()
            .find_map(|step| step.failures.first().map(|failure| failure.cause.word()).or_else(|| first(&step.steps)))
    }
    first(&test.steps).unwrap_or("failure")
}

fn came_up(report: &RunReport) -> TestCase {
    let status = match &report.ending {
        Ending::QuorumNotMet { detail } | Ending::Broken { detail } => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(detail.lines().next().unwrap_or_default()).set_type("quorum").set_description(detail);
            status
        }
        // Whatever it came to: the tests below say that it is not known.
        Ending::Completed | Ending::Interrupted | Ending::LeftOff { .. } => TestCaseStatus::success(),
    };
    let took: u64 =
        report.phases.iter().filter(|phase| phase.phase.starts_with("up")).map(|phase| phase.took_millis).sum();
    let mut case = classed(OWN_CLASS, "the cluster comes up", status);
    case.set_time(Duration::from_millis(took));
    case
}

fn left_nothing(report: &RunReport) -> TestCase {
    let error = |message: String, description: String| {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(message).set_type("residue").set_description(description);
        status
    };
    let status = match &report.teardown {
        Teardown::Clean => TestCaseStatus::success(),
        Teardown::Kept { .. } => {
            let mut status = TestCaseStatus::skipped();
            status.set_message("the cluster was kept, as asked");
            status
        }
        Teardown::Unknown { detail } => error(format!("the audit could not be done: {detail}"), String::new()),
        Teardown::Residue { residues } => {
            let lines: Vec<String> = residues.iter().map(super::human::residue_line).collect();
            error(format!("{} left behind", residues.len()), lines.join("\n"))
        }
    };
    classed(OWN_CLASS, "nothing is left behind", status)
}

fn classed(class: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(class);
    case
}

/// One line a step: what was done, how long it took.
fn steps(steps: &[StepReport]) -> String {
    let line = |step: &StepReport| {
        let word = if step.held { "ok    " } else { "FAILED" };
        let seconds = Duration::from_millis(step.took_millis).as_secs_f64();
        format!(
            "{word} {} {} {} ({seconds:.1} s, {} attempts)",
            step.part.word(),
            step.number,
            step.title,
            step.attempts
        )
    };
    steps.iter().flat_map(|step| std::iter::once(step).chain(&step.steps)).map(line).collect::<Vec<_>>().join("\n")
}

/// A moment in RFC 3339.
fn timestamp(unix_millis: u64) -> Option<String> {
    let millis = i64::try_from(unix_millis).ok()?;
    Some(jiff::Timestamp::from_millisecond(millis).ok()?.to_string())
}
