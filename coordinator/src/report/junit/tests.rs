use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus};
use throng_common::verdict::Verdict;

use super::super::model::RunReport;
use super::super::sample;
use super::xml;

/// The XML read back: the suite's cases by name.
fn case(report: &RunReport, name: &str) -> TestCase {
    let document = Report::deserialize_from_str(&xml(report).unwrap()).unwrap();
    assert_eq!(document.test_suites.len(), 1);
    document.test_suites[0].test_cases.iter().find(|case| case.name.as_str() == name).unwrap().clone()
}

fn message(case: &TestCase) -> String {
    match &case.status {
        TestCaseStatus::Success { .. } => String::new(),
        TestCaseStatus::NonSuccess { message, .. } | TestCaseStatus::Skipped { message, .. } => {
            message.as_ref().map(|message| message.as_str().to_owned()).unwrap_or_default()
        }
    }
}

fn kind(case: &TestCase) -> &'static str {
    match &case.status {
        TestCaseStatus::Success { .. } => "success",
        TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, .. } => "failure",
        TestCaseStatus::NonSuccess { kind: NonSuccessKind::Error, .. } => "error",
        TestCaseStatus::Skipped { .. } => "skipped",
    }
}

#[test]
fn the_document_reads_back_with_times_counts_and_properties() {
    let text = xml(&sample::failed()).unwrap();
    let document = Report::deserialize_from_str(&text).unwrap();
    let suite = &document.test_suites[0];
    assert_eq!((document.tests, document.failures, document.errors), (5, 1, 0));
    assert_eq!(suite.name.as_str(), "redis-replicas");
    assert_eq!(suite.time.unwrap().as_millis(), 52_300);
    assert!(suite.timestamp.is_some());
    let property = |name: &str| suite.properties.iter().find(|property| property.name.as_str() == name);
    assert_eq!(property("throng.seed").unwrap().value.as_str(), "4711");
    insta::assert_snapshot!(text);
}

#[test]
fn a_failure_shows_its_nodes_in_the_message_and_the_story_in_the_text() {
    let case = case(&sample::failed(), "survives losing a tenth of the workers");
    assert_eq!((kind(&case), case.time.unwrap().as_millis()), ("failure", 31_400));
    assert_eq!(message(&case), "worker-[0003,0007] (2): exit code 1, expected 0; and 1 more");
    let TestCaseStatus::NonSuccess { description, ty, .. } = &case.status else { panic!("{case:?}") };
    assert_eq!(ty.as_ref().unwrap().as_str(), "wrong-value");
    assert!(description.as_ref().unwrap().as_str().contains("Connection refused"));
}

#[test]
fn what_may_be_the_machines_is_an_error_with_its_evidence_told_apart_from_failures() {
    let report = sample::excused();
    assert_eq!(report.outcome.exit_code(), 3);
    for (name, kind_of, said) in [
        ("a thousand requests in three seconds", "invalid", "made by others"),
        ("a thousand more", "suspect", "CPU limit"),
    ] {
        let case = case(&report, name);
        assert_eq!(kind(&case), "error");
        assert!(message(&case).contains(said), "{}", message(&case));
        let TestCaseStatus::NonSuccess { description, ty, .. } = &case.status else { panic!("{case:?}") };
        assert_eq!(ty.as_ref().unwrap().as_str(), kind_of);
        assert!(description.as_ref().unwrap().as_str().contains("no end within 3s"), "what failed is said too");
    }
}

#[test]
fn known_failures_are_skipped_with_their_reason_and_unexpected_passes_fail() {
    let report = sample::known();
    let known = case(&report, "survives losing a tenth of the workers");
    assert_eq!(
        (kind(&known), message(&known)),
        ("skipped", "known failure: replicas lose their link for good (bug 17)".to_owned())
    );
    let healed = case(&report, "a paused replica resumes");
    assert_eq!(kind(&healed), "failure");
    assert!(message(&healed).contains("remove expect"));
    let text = xml(&report).unwrap();
    assert!(!text.contains("the long one"), "what the operator left out is not in the suite");
}

#[test]
fn what_did_not_run_never_looks_green() {
    let quorum = sample::no_quorum();
    assert_eq!(kind(&case(&quorum, "the cluster comes up")), "error");
    assert_eq!(kind(&case(&quorum, "every replica sees a write")), "error");
    let interrupted = sample::interrupted();
    assert_eq!(kind(&case(&interrupted, &interrupted.tests[1].name)), "error");
    assert_eq!(kind(&case(&interrupted, "the last one")), "error");
    assert_eq!(kind(&case(&interrupted, "nothing is left behind")), "skipped");
    assert_eq!(kind(&case(&sample::residue(), "nothing is left behind")), "error");
}

#[test]
fn a_verdict_on_the_environment_is_an_error_not_a_failure() {
    let mut report = sample::failed();
    report.tests[2].verdict = Some(Verdict::Invalid);
    assert_eq!(kind(&case(&report, "survives losing a tenth of the workers")), "error");
}

#[test]
fn text_that_xml_cannot_hold_does_no_harm() {
    let mut report = sample::failed();
    report.tests[2].steps[1].failures[0].message = "stdout is \"\u{1b}[31m\u{0}]]><&\"".to_owned();
    let case = case(&report, "survives losing a tenth of the workers");
    assert!(message(&case).contains("]]><&"), "{}", message(&case));
}
