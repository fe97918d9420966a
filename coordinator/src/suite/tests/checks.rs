use std::time::Duration;

use throng_common::verdict::Verdict;

use super::super::fake::{Ask, FakeCluster, Reply, say};
use super::{failures, run_on};
use crate::report::model::Cause;

const METRIC: &str = r#"
    [[metric]]
    name = "replicas"
    on = "primary"
    exec = ["info"]
    match = "slaves:(\\d+)"
    unit = "nodes"
    every = "5s"
"#;

fn cluster(script: impl Fn(&Ask) -> Reply + Send + Sync + 'static) -> FakeCluster {
    FakeCluster::new(&[("primary", 1), ("worker", 3)], script)
}

fn with_step(step: &str) -> String {
    format!("{METRIC}\n[[test]]\nname = \"t\"\nstep = [{step}]")
}

#[tokio::test(start_paused = true)]
async fn eventually_ends_as_soon_as_it_is_true() {
    let script = |ask: &Ask| say(if ask.at < Duration::from_secs(12) { "slaves:2" } else { "slaves:3" });
    let step = r#"{ check = "replicas", eventually = "== {role.worker.count}", within = "30s" }"#;
    let ran = run_on(&with_step(step), cluster(script)).await;
    assert_eq!(ran.only().verdict, Some(Verdict::Pass), "{:?}", failures(ran.only()));
    assert!((12_000..14_000).contains(&ran.only().took_millis), "{}", ran.only().took_millis);
    let notes = &ran.only().steps[0].notes;
    assert!(notes[0].ends_with("samples of replicas: min 2, max 3, last 3 nodes"), "{notes:?}");
}

#[tokio::test(start_paused = true)]
async fn eventually_that_never_comes_is_late_with_its_last_value() {
    let step = r#"{ check = "replicas", eventually = ">= 90", within = "30s" }"#;
    let ran = run_on(&with_step(step), cluster(|_| say("slaves:87"))).await;
    let message = &failures(ran.only())[0];
    assert!(message.starts_with("replicas is 87, must become >= 90: not within 30s ("), "{message}");
    assert_eq!(ran.only().steps[0].failures[0].cause, Cause::NotInTime);
    assert!((30_000..31_500).contains(&ran.only().took_millis), "{}", ran.only().took_millis);
    assert_eq!(ran.only().artefacts, ["logs/primary-0000.log"], "the log of who was asked");
}

#[tokio::test(start_paused = true)]
async fn always_fails_at_the_first_sample_that_is_not_true() {
    let script = |ask: &Ask| say(if ask.at < Duration::from_secs(7) { "slaves:3" } else { "slaves:1" });
    let step = r#"{ check = "replicas", always = ">= 3", within = "20s" }"#;
    let ran = run_on(&with_step(step), cluster(script)).await;
    let message = &failures(ran.only())[0];
    assert!(message.starts_with("replicas is 1 after 7") && message.ends_with("must stay >= 3"), "{message}");
    assert_eq!(ran.only().steps[0].failures[0].cause, Cause::WrongValue);
}

#[tokio::test(start_paused = true)]
async fn always_lasts_as_long_as_it_says_and_a_lost_sample_breaks_it() {
    let step = r#"{ check = "replicas", always = ">= 3", within = "20s" }"#;
    let ran = run_on(&with_step(step), cluster(|_| say("slaves:3"))).await;
    assert_eq!(ran.only().verdict, Some(Verdict::Pass));
    assert!((20_000..21_000).contains(&ran.only().took_millis), "{}", ran.only().took_millis);
    let script = |ask: &Ask| if ask.attempt == 4 { Reply::Nothing } else { say("slaves:3") };
    let ran = run_on(&with_step(step), cluster(script)).await;
    assert!(failures(ran.only())[0].contains("replicas has no value: no answer"), "{:?}", failures(ran.only()));
    assert_eq!(ran.only().steps[0].failures[0].cause, Cause::NoAnswer);
}

#[tokio::test(start_paused = true)]
async fn a_comparison_that_is_none_is_a_mistake() {
    let ran = run_on(&with_step(r#"{ check = "replicas", eventually = "many" }"#), cluster(|_| say("slaves:3"))).await;
    assert!(failures(ran.only())[0].starts_with("`many` is not a comparison"), "{:?}", failures(ran.only()));
    let ran = run_on(&with_step(r#"{ check = "nothing", eventually = "> 1" }"#), cluster(|_| say(""))).await;
    assert_eq!(failures(ran.only()), ["there is no metric `nothing`"]);
}

#[tokio::test(start_paused = true)]
async fn metrics_are_sampled_during_the_whole_run_and_failures_of_it_are_recorded() {
    let script = |ask: &Ask| match ask.attempt {
        2 => Reply::Say(Duration::ZERO, 1, String::new()),
        3 => say("no figure"),
        number => say(format!("slaves:{number}")),
    };
    let ran = run_on(&with_step(r#"{ wait = "31s" }"#), cluster(script)).await;
    assert_eq!(ran.verdicts(), [Some(Verdict::Pass)]);
    let metric = &ran.result.metrics[0];
    let summary = metric.summary.unwrap();
    assert_eq!((summary.count, summary.min, summary.max, summary.last), (5, 1.into(), 7.into(), 7.into()));
    assert_eq!(metric.failed, 2);
    assert_eq!(
        metric.errors,
        ["exit code 1, expected 0", "`match` \"slaves:(\\\\d+)\" finds nothing in \"no figure\""]
    );
    let moments: Vec<u64> = metric.samples.iter().map(|sample| sample.at.0).collect();
    assert_eq!(moments, [1_000_000, 1_015_000, 1_020_000, 1_025_000, 1_030_000]);
}
