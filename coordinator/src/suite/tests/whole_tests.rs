use std::sync::Arc;
use std::time::Duration;

use throng_common::verdict::Verdict;
use tokio_util::sync::CancellationToken;

use super::super::engine::{SuiteError, check_filter};
use super::super::fake::{Ask, FakeCluster, Reply, say};
use super::{How, failures, run_on, run_with, scenario};
use crate::operation::OperationEvent;
use crate::report::model::{Cause, Part, WhyNotRun};

fn cluster() -> FakeCluster {
    let script = |ask: &Ask| match ask.text.as_str() {
        "bad" => Reply::Say(Duration::ZERO, 1, String::new()),
        "hang" => Reply::Say(Duration::from_secs(10_000), 0, String::new()),
        _ => say(""),
    };
    FakeCluster::new(&[("primary", 1), ("worker", 20)], script)
}

/// A test with these commands in its three parts.
fn test(name: &str, [setup, step, teardown]: [&[&str]; 3], more: &str) -> String {
    let steps = |commands: &[&str]| {
        let step = |command: &&str| format!("{{ exec = [\"{command}\"], on = \"worker\", timeout = \"20000s\" }}");
        commands.iter().map(step).collect::<Vec<_>>().join(",")
    };
    format!(
        "[[test]]\nname = \"{name}\"\n{more}\nsetup = [{}]\nstep = [{}]\nteardown = [{}]\n",
        steps(setup),
        steps(step),
        steps(teardown)
    )
}

/// What was run, command by command, with its time left out.
fn commands(cluster: &FakeCluster) -> Vec<String> {
    cluster.log().iter().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_failed_setup_skips_the_steps_and_never_the_teardown() {
    let cluster = Arc::new(cluster());
    let tests = test("t", [&["bad", "never"], &["never"], &["clean", "sweep"]], "");
    let ran = run_with(&tests, cluster.clone(), How::default()).await;
    assert_eq!(ran.only().verdict, Some(Verdict::Fail));
    assert_eq!(commands(&cluster), ["bad", "clean", "sweep"]);
}

#[tokio::test(start_paused = true)]
async fn every_step_of_a_teardown_runs_and_its_failure_fails_the_test() {
    let cluster = Arc::new(cluster());
    let ran = run_with(&test("t", [&[], &["ok"], &["bad", "sweep"]], ""), cluster.clone(), How::default()).await;
    assert_eq!(ran.only().verdict, Some(Verdict::Fail));
    assert_eq!(commands(&cluster), ["ok", "bad", "sweep"]);
    let parts: Vec<(Part, bool)> = ran.only().steps.iter().map(|step| (step.part, step.held)).collect();
    assert_eq!(parts, [(Part::Step, true), (Part::Teardown, false), (Part::Teardown, true)]);
}

#[tokio::test(start_paused = true)]
async fn a_test_that_outlasts_its_timeout_is_cut_off_and_torn_down() {
    let cluster = Arc::new(cluster());
    let tests = test("t", [&[], &["hang", "never"], &["sweep"]], "timeout = \"30s\"");
    let ran = run_with(&tests, cluster.clone(), How::default()).await;
    let test = ran.only();
    assert_eq!(test.verdict, Some(Verdict::Fail));
    assert_eq!(commands(&cluster), ["hang", "sweep"]);
    assert_eq!(failures(test), ["cut off: the test's timeout of 30s was over"]);
    assert_eq!(test.steps[0].failures[0].cause, Cause::TimedOut);
    assert_eq!(test.ended_by, "the test's timeout of 30s was over in step 1");
    assert!((30_000..31_000).contains(&test.took_millis), "{}", test.took_millis);
}

#[tokio::test(start_paused = true)]
async fn a_teardown_that_hangs_is_cut_off_too() {
    let ran = run_on(&test("t", [&[], &["ok"], &["hang", "sweep"]], ""), cluster()).await;
    let message = "cut off: a test's teardown may take 2m in all";
    assert_eq!(failures(ran.only()), [message, message], "nothing is left of the bound for the second step");
    assert!(ran.only().took_millis < 125_000);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_run_tears_the_current_test_down_and_begins_no_other() {
    let cancel = CancellationToken::new();
    let cluster = Arc::new(cluster());
    let tests = test("first", [&[], &["ok", "hang"], &["sweep"]], "timeout = \"9000s\"")
        + &test("second", [&[], &["never"], &[]], "");
    let stopper = cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        stopper.cancel();
    });
    let ran = run_with(&tests, cluster.clone(), How { cancel, ..How::default() }).await;
    assert_eq!(commands(&cluster), ["ok", "hang", "sweep"]);
    assert!(ran.result.interrupted);
    assert_eq!((ran.only().verdict, ran.only().ended_by.as_str()), (None, "interrupted in step 2"));
    let not_run: Vec<(&str, WhyNotRun)> =
        ran.result.not_run.iter().map(|test| (test.name.as_str(), test.why)).collect();
    assert_eq!(not_run, [("second", WhyNotRun::Interrupted)]);
}

#[tokio::test(start_paused = true)]
async fn a_known_failure_is_no_failure_and_an_unexpected_pass_is() {
    let known = "expect = \"fail\"\nreason = \"bug 17\"";
    let tests = test("known", [&[], &["bad"], &[]], known)
        + &test("healed", [&[], &["ok"], &[]], known)
        + &test("setup", [&["bad"], &["ok"], &[]], known);
    let ran = run_on(&tests, cluster()).await;
    assert_eq!(ran.verdicts(), [Some(Verdict::KnownFailure), Some(Verdict::UnexpectedPass), Some(Verdict::Fail)]);
    assert_eq!(ran.result.tests[0].known_failure.as_deref(), Some("bug 17"));
    assert!(ran.result.tests[0].artefacts.is_empty(), "of a known failure no logs are kept");
}

#[tokio::test(start_paused = true)]
async fn a_test_is_repeated_and_the_repetition_that_failed_is_kept() {
    let script = |ask: &Ask| match (ask.text.as_str(), ask.attempt) {
        ("flaky", 3) => Reply::Say(Duration::ZERO, 1, String::new()),
        _ => say(""),
    };
    let cluster = Arc::new(FakeCluster::new(&[("worker", 1)], script));
    let tests = test("t", [&["once"], &["ok", "flaky"], &["sweep"]], "repeat = 10");
    let ran = run_with(&tests, cluster.clone(), How::default()).await;
    assert_eq!((ran.only().verdict, ran.only().repetitions), (Some(Verdict::Fail), 3));
    assert_eq!(commands(&cluster), ["once", "ok", "flaky", "ok", "flaky", "ok", "flaky", "sweep"]);
    assert_eq!(ran.only().steps.len(), 4, "setup, two steps of the last repetition, teardown");
}

#[tokio::test(start_paused = true)]
async fn logs_and_named_files_of_failed_nodes_are_kept_within_bounds() {
    let ran = run_on(&test("t", [&[], &["bad"], &[]], ""), cluster()).await;
    let files = &ran.only().artefacts;
    assert_eq!(files.iter().filter(|file| file.starts_with("logs/")).count(), 10, "of 20 nodes");
    assert!(files.contains(&"collected/worker-0003/var/log/worker-0003.log".to_owned()), "{files:?}");
    let kept = std::fs::read_to_string(ran.folder.path("collected/worker-0003/var/log/worker-0003.log")).unwrap();
    assert_eq!(kept, "/var/log/worker-0003.log of worker-0003");
}

#[tokio::test(start_paused = true)]
async fn a_filter_leaves_tests_out_and_one_that_leaves_none_is_refused() {
    let tests = test("a write arrives", [&[], &["ok"], &[]], "") + &test("survives a kill", [&[], &["ok"], &[]], "");
    let ran = run_with(&tests, Arc::new(cluster()), How { tests: Some("write"), ..How::default() }).await;
    assert_eq!(ran.only().name, "a write arrives");
    assert_eq!(ran.result.not_run[0].why, WhyNotRun::Filtered);
    let none = regex::Regex::new("nothing").unwrap();
    let refused = check_filter(&scenario(&tests), Some(&none)).unwrap_err();
    assert!(matches!(&refused, SuiteError::NoTestMatches { .. }));
    assert_eq!(
        refused.to_string(),
        "no test's name matches `nothing`: the scenario has `a write arrives`, `survives a kill`"
    );
}

#[tokio::test(start_paused = true)]
async fn events_tell_the_run_as_it_goes() {
    let ran = run_on(&test("t", [&[], &["ok", "bad"], &[]], ""), cluster()).await;
    let told: Vec<String> = ran
        .events
        .iter()
        .map(|event| match event {
            OperationEvent::TestStarted { test, position, total } => format!("start {test} {position}/{total}"),
            OperationEvent::TestEnded { test, verdict, detail, .. } => format!("end {test} {verdict:?} {detail}"),
            OperationEvent::PhaseProgress { done, total, detail, .. } => format!("{done}/{total} {detail}"),
            OperationEvent::Note { text, .. } => text.clone(),
            other => panic!("the suite has no business with {other:?}"),
        })
        .collect();
    assert_eq!(
        told,
        [
            "random draws are made from seed 0",
            "start t 1/1",
            "0/2 exec on worker: ok",
            "1/2 exec on worker: bad",
            "end t Some(Fail) step 2 (exec on worker: bad): worker-[0000-0019] (20): exit code 1, expected 0",
        ]
    );
}
