use std::sync::Arc;
use std::time::Duration;

use throng_common::verdict::Verdict;

use super::super::fake::{FakeCluster, Reply, say};
use super::super::ops::OpError;
use super::{How, failures, run_on, run_with};
use crate::report::model::{Cause, Recorded, RecordedAt};

const WORKERS: &[(&str, u32)] = &[("primary", 1), ("worker", 10)];

#[tokio::test(start_paused = true)]
async fn a_step_holds_when_all_its_nodes_do_and_folds_those_that_do_not() {
    let script = |ask: &super::super::fake::Ask| match ask.node.index() {
        3 | 7 => Reply::Say(Duration::ZERO, 1, String::new()),
        _ => say("PONG"),
    };
    let ran = run_on(
        r#"
        [[test]]
        name = "all answer"
        step = [{ exec = ["ping"], on = "worker", expect = { stdout = "PONG" } }]
        "#,
        FakeCluster::new(WORKERS, script),
    )
    .await;
    let test = ran.only();
    assert_eq!(test.verdict, Some(Verdict::Fail));
    assert_eq!(failures(test), ["worker-[0003,0007] (2): exit code 1, expected 0"]);
    assert_eq!(test.steps[0].failures[0].detail, "for instance worker-0003\nstderr:\nwent wrong");
    assert_eq!(test.steps[0].failures[0].cause, Cause::WrongValue);
}

#[tokio::test(start_paused = true)]
async fn only_nodes_that_do_not_hold_yet_are_asked_again() {
    let script = |ask: &super::super::fake::Ask| {
        if ask.node.index() == 4 && ask.attempt < 5 { say("old") } else { say("new") }
    };
    let cluster = std::sync::Arc::new(FakeCluster::new(WORKERS, script));
    let tests = r#"
        [[test]]
        name = "the write arrives"
        step = [{ exec = ["get"], on = "worker", expect = { stdout = "new" }, within = "10s" }]
    "#;
    let ran = super::run_with(tests, cluster.clone(), super::How::default()).await;
    assert_eq!(ran.only().verdict, Some(Verdict::Pass), "{:?}", ran.only());
    assert_eq!(ran.only().steps[0].attempts, 5);
    assert_eq!((cluster.attempts("worker-0004", "get"), cluster.attempts("worker-0005", "get")), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn each_nodes_time_begins_with_its_own_first_attempt() {
    // worker-0001 is slow to answer the first time; its 3 s begin with that attempt, as those of all others.
    let script = |ask: &super::super::fake::Ask| match (ask.node.index(), ask.attempt) {
        (1, 1) => Reply::Say(Duration::from_secs(20), 0, "old".to_owned()),
        (2, _) if ask.at < Duration::from_secs(2) => say("old"),
        (3, _) => say("old"),
        _ => say("new"),
    };
    let cluster = std::sync::Arc::new(FakeCluster::new(WORKERS, script));
    let tests = r#"
        [[test]]
        name = "the write arrives"
        step = [{ exec = ["get"], on = "worker", expect = { stdout = "new" }, within = "3s" }]
    "#;
    let ran = super::run_with(tests, cluster.clone(), super::How::default()).await;
    let test = ran.only();
    // One slow node has kept nobody else from being asked in time.
    assert_eq!(
        failures(test),
        [
            "worker-0003: stdout is \"old\", expected \"new\", still after 3s",
            "worker-0001: no end within 5s, still after 3s",
        ]
    );
    let causes: Vec<Cause> = test.steps[0].failures.iter().map(|failure| failure.cause).collect();
    assert_eq!(causes, [Cause::NotInTime, Cause::TimedOut]);
    assert!(cluster.attempts("worker-0003", "get") > 5);
    assert!(test.took_millis < 6_000, "{}", test.took_millis);
}

#[tokio::test(start_paused = true)]
async fn a_node_without_an_outcome_counts_as_not_having_answered() {
    let script = |ask: &super::super::fake::Ask| if ask.node.index() == 9 { Reply::Nothing } else { say("") };
    let ran = run_on(
        r#"
        [[test]]
        name = "all answer"
        step = [{ exec = ["ping"], on = "worker" }]
        "#,
        FakeCluster::new(WORKERS, script),
    )
    .await;
    assert_eq!(failures(ran.only()), ["worker-0009: no answer: its host gave no outcome for it"]);
    assert_eq!(ran.only().steps[0].failures[0].cause, Cause::NoAnswer);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_cannot_be_reached_is_tried_again_within_its_time() {
    let script = |ask: &super::super::fake::Ask| {
        if ask.attempt < 3 {
            Reply::Fail(Duration::ZERO, OpError::NoAnswer("the container is not running".to_owned()))
        } else {
            say("")
        }
    };
    let tests = r#"
        [[test]]
        name = "all answer in the end"
        step = [{ exec = ["ping"], on = "worker", within = "5s" }]
    "#;
    assert_eq!(run_on(tests, FakeCluster::new(WORKERS, script)).await.only().verdict, Some(Verdict::Pass));
}

#[tokio::test(start_paused = true)]
async fn values_saved_by_one_step_are_used_by_the_next() {
    let script = |ask: &super::super::fake::Ask| match ask.text.as_str() {
        "info" => say("id=a7\n"),
        "get a7 worker-0002" => say("right"),
        other => say(format!("unexpected {other}")),
    };
    let ran = run_on(
        r#"
        [[test]]
        name = "ids travel"
        step = [
            { exec = ["info"], on = "primary", save = { id = "id=(\\w+)" } },
            { exec = ["get", "{saved.id}", "{node.name}"], on = "worker-0002", expect = { stdout = "right" } },
        ]
        "#,
        FakeCluster::new(WORKERS, script),
    )
    .await;
    assert_eq!(ran.only().verdict, Some(Verdict::Pass), "{:?}", failures(ran.only()));
}

#[tokio::test(start_paused = true)]
async fn nodes_that_differ_give_no_value_to_save() {
    let tests = r#"
        [[test]]
        name = "ids travel"
        step = [{ exec = ["info"], on = "worker", save = { id = "(.*)" } }]
    "#;
    let ran = run_on(tests, FakeCluster::new(WORKERS, |ask| say(ask.node.to_string()))).await;
    assert!(failures(ran.only())[0].starts_with("cannot save `id`: the nodes differ"), "{:?}", failures(ran.only()));
}

#[tokio::test(start_paused = true)]
async fn http_steps_judge_status_and_body() {
    let script = |ask: &super::super::fake::Ask| {
        let status = if ask.text == "http://worker-0001/health" { 503 } else { 200 };
        Reply::Say(Duration::from_millis(5), status, r#"{"up":true}"#.to_owned())
    };
    let ran = run_on(
        r#"
        [[test]]
        name = "all are healthy"
        step = [{ http = "http://{node.name}/health", on = "worker", expect = { json = { "/up" = true } } }]
        "#,
        FakeCluster::new(WORKERS, script),
    )
    .await;
    assert_eq!(failures(ran.only()), ["worker-0001: status 503, expected 200 to 299"]);
}

#[tokio::test(start_paused = true)]
async fn standard_input_of_each_node_is_its_own() {
    let script = |ask: &super::super::fake::Ask| match ask.text.split_once(" < ") {
        Some(("cat", stdin)) if stdin == ask.node.to_string() => say("right"),
        _ => say(ask.text.clone()),
    };
    let tests = r#"
        [[test]]
        name = "input arrives"
        step = [{ exec = ["cat"], stdin = "{node.name}", on = "worker", expect = { stdout = "right" } }]
    "#;
    let ran = run_on(tests, FakeCluster::new(WORKERS, script)).await;
    assert_eq!(ran.only().verdict, Some(Verdict::Pass), "{:?}", failures(ran.only()));
}

#[tokio::test(start_paused = true)]
async fn parallel_steps_run_at_the_same_time_and_all_to_their_end() {
    let script = |ask: &super::super::fake::Ask| match ask.text.as_str() {
        "fails" => Reply::Say(Duration::from_secs(1), 1, String::new()),
        _ => Reply::Say(Duration::from_secs(10), 0, String::new()),
    };
    let ran = run_on(
        r#"
        [[test]]
        name = "together"
        step = [{ parallel = [
            { exec = ["slow"], on = "worker" },
            { exec = ["fails"], on = "primary" },
            { wait = "9s" },
        ] }]
        "#,
        FakeCluster::new(WORKERS, script),
    )
    .await;
    let step = &ran.only().steps[0];
    let held: Vec<(&str, bool)> = step.steps.iter().map(|step| (step.number.as_str(), step.held)).collect();
    assert_eq!(held, [("1.1", true), ("1.2", false), ("1.3", true)]);
    assert!(!step.held && (10_000..10_500).contains(&step.took_millis), "{}", step.took_millis);
}

#[tokio::test(start_paused = true)]
async fn a_step_is_repeated_until_it_fails_or_is_done() {
    let script = |ask: &super::super::fake::Ask| match (ask.text.as_str(), ask.attempt) {
        ("flaky", 3) => Reply::Say(Duration::ZERO, 1, String::new()),
        _ => say(""),
    };
    let ran = run_on(
        r#"
        [[test]]
        name = "again and again"
        step = [
            { exec = ["fine"], on = "primary", repeat = 4 },
            { exec = ["flaky"], on = "primary", repeat = 4 },
        ]
        "#,
        FakeCluster::new(WORKERS, script),
    )
    .await;
    let repetitions: Vec<(u32, bool)> = ran.only().steps.iter().map(|step| (step.repetitions, step.held)).collect();
    assert_eq!(repetitions, [(4, true), (3, false)]);
}

#[tokio::test(start_paused = true)]
async fn a_selector_without_nodes_and_a_missing_value_are_mistakes_not_passes() {
    for (step, message) in [
        (r#"{ exec = ["x"], on = "client" }"#, "`client` selects no nodes of this cluster"),
        (r#"{ kill = "worker-0999" }"#, "worker-0999 is not in this cluster, which has worker-[0000-0009]"),
        (r#"{ restart = "worker-[0001,0999]" }"#, "worker-0999 is not in this cluster, which has worker-[0000-0009]"),
        (
            r#"{ exec = ["x"], on = "worker-[0000,0999]" }"#,
            "worker-0999 is not in this cluster, which has worker-[0000-0009]",
        ),
        (
            r#"{ exec = ["{saved.nothing}"], on = "primary" }"#,
            "primary-0000: `{saved.nothing}`: no earlier step has saved it",
        ),
    ] {
        let tests = format!("[[test]]\nname = \"t\"\nexpect = \"fail\"\nstep = [{step}]");
        let ran = run_on(&tests, FakeCluster::new(WORKERS, |_| say(""))).await;
        assert_eq!(failures(ran.only()), [message]);
        assert_eq!(ran.only().verdict, Some(Verdict::Fail), "a mistake is never a known failure");
    }
}

#[tokio::test(start_paused = true)]
async fn the_nodes_are_indexed_once_a_step_however_many_they_are() {
    let tests = "[[test]]\nname = \"t\"\nstep = [{ exec = [\"x\", \"{node.name}\"], on = \"worker\" }]";
    for count in [1, 1000] {
        let cluster = Arc::new(FakeCluster::new(&[("primary", 1), ("worker", count)], |_| say("")));
        run_with(tests, cluster.clone(), How::default()).await;
        assert_eq!(cluster.texts_made(), 1, "{count} workers");
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_holds_records_figures_and_what_is_none_fails_it() {
    let tests = r#"
        [[test]]
        name = "fast"
        [[test.step]]
        exec = ["bench"]
        on = "primary"
        save = { rate = "/rate" }
        record = { "rate, ops/s" = "{saved.rate}", ten = "10" }
        at = "{role.worker.count}"
        repeat = 2

        [[test]]
        name = "no figure"
        step = [{ exec = ["bench"], on = "primary", save = { name = "/name" }, record = { name = "{saved.name}" } }]
    "#;
    let ran = run_on(tests, FakeCluster::new(WORKERS, |_| say(r#"{"rate": 9223372036854775807, "name": "x"}"#))).await;
    let [fast, none] = &ran.result.tests[..] else { panic!("two tests") };
    assert_eq!(fast.verdict, Some(Verdict::Pass), "{fast:?}");
    let at = Some(RecordedAt { of: "worker".to_owned(), value: 10.into() });
    let one = |name: &str, value: u64| Recorded { name: name.to_owned(), value: value.into(), at: at.clone() };
    let once = [one("rate, ops/s", i64::MAX as u64), one("ten", 10)];
    assert_eq!(fast.steps[0].recorded, [once.clone(), once].concat());
    assert_eq!(none.verdict, Some(Verdict::Fail));
    assert_eq!(failures(none), ["cannot record `name`: `x` is not a number"]);
}
