use throng_common::status::NodePhase;
use throng_common::verdict::Verdict;

use super::super::fake::{FakeCluster, Fate, say};
use super::{How, failures, run_on, run_with};
use crate::report::model::Cause;

const KILL: &str = r#"
    [[test]]
    name = "survives"
    step = [{ kill = "10% of worker", save = { victims = "(.+)" } }, { exec = ["say", "{saved.victims}"], on = "primary" }]
"#;

fn cluster() -> FakeCluster {
    FakeCluster::new(&[("primary", 1), ("worker", 100)], |_| say(""))
}

/// The nodes that were signalled.
async fn killed(seed: u64) -> String {
    let cluster = std::sync::Arc::new(cluster());
    let ran = run_with(KILL, cluster.clone(), How { seed, ..How::default() }).await;
    assert_eq!(ran.only().verdict, Some(Verdict::Pass), "{:?}", failures(ran.only()));
    let note = &ran.only().steps[0].notes[0];
    assert!(note.starts_with("sent KILL to worker-["), "{note}");
    assert!(cluster.log().iter().any(|line| line.ends_with(note.trim_start_matches("sent KILL to "))), "saved");
    let line = cluster.log().into_iter().find(|line| line.contains("signal KILL")).unwrap();
    line.split_once(" to ").unwrap().1.to_owned()
}

#[tokio::test(start_paused = true)]
async fn draws_are_reproducible_by_seed() {
    let first = killed(7).await;
    assert_eq!(first.split(' ').count(), 10);
    assert_eq!(first, killed(7).await);
    assert_ne!(first, killed(8).await);
}

#[tokio::test(start_paused = true)]
async fn a_kill_without_effect_fails() {
    let tests = "[[test]]\nname = \"t\"\nstep = [{ kill = \"worker-[0001-0002]\", within = \"5s\" }]";
    let ran = run_on(tests, cluster().with_fate(Fate::Ignore)).await;
    let message = "worker-[0001-0002] (2): KILL was sent, and its process still runs after 5s";
    assert_eq!(failures(ran.only()), [message]);
    assert_eq!(ran.only().steps[0].failures[0].cause, Cause::NotInTime);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_does_not_run_cannot_be_killed() {
    let tests = "[[test]]\nname = \"t\"\nstep = [{ kill = \"worker-[0001-0002]\" }]";
    let ran = run_on(tests, cluster().with_phase("worker-0002", NodePhase::Backoff)).await;
    assert_eq!(failures(ran.only()), ["worker-0002: did not run before the signal (backoff)"]);
}

#[tokio::test(start_paused = true)]
async fn of_a_signal_that_does_not_end_a_process_only_the_delivery_counts() {
    let tests = "[[test]]\nname = \"t\"\nstep = [{ kill = \"worker\", signal = \"HUP\" }]";
    let ran = run_on(tests, cluster().with_fate(Fate::Ignore)).await;
    assert_eq!(ran.only().verdict, Some(Verdict::Pass));
}

#[tokio::test(start_paused = true)]
async fn a_restart_is_measured_too() {
    let tests = "[[test]]\nname = \"t\"\nstep = [{ restart = \"worker\" }]";
    assert_eq!(run_on(tests, cluster()).await.only().verdict, Some(Verdict::Pass));
    let ran = run_on(tests, cluster().with_fate(Fate::Ignore)).await;
    let message = "worker-[0000-0099] (100): its restart was asked for, and has not begun after 1m";
    assert_eq!(failures(ran.only()), [message]);
}

#[tokio::test(start_paused = true)]
async fn after_scaling_steps_see_the_new_nodes_and_who_is_missing_is_named() {
    let tests = r#"
        [[test]]
        name = "grows"
        step = [{ scale = { worker = 150 } }, { wait = "up", within = "10s" }, { exec = ["ping"], on = "worker" }]
    "#;
    let ran = run_on(tests, cluster()).await;
    assert_eq!(ran.only().verdict, Some(Verdict::Pass));
    assert_eq!(ran.only().steps[2].nodes, 150);
    let ran = run_on(tests, cluster().with_missing("worker-0120")).await;
    assert_eq!(failures(ran.only()), ["worker-0120: not up within 10s: running, not seen by the primary"]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_whose_missing_nodes_have_no_names_does_not_hold() {
    let tests = "[[test]]\nname = \"t\"\nstep = [{ wait = \"up\", within = \"10s\" }]";
    let counted = "worker: the system under test knows 3 of 100, names unknown";
    let ran = run_on(tests, cluster().with_unnamed(counted)).await;
    assert_eq!(ran.only().verdict, Some(Verdict::Fail));
    assert_eq!(failures(ran.only()), [format!("not up within 10s: {counted}")]);
    assert_eq!(ran.only().steps[0].failures[0].cause, Cause::NotInTime);
    let ran = run_on(tests, cluster().with_missing("worker-0007").with_unnamed(counted)).await;
    let named = "worker-0007: not up within 10s: running, not seen by the primary".to_owned();
    assert_eq!(failures(ran.only()), [named, format!("not up within 10s: {counted}")]);
}

#[tokio::test(start_paused = true)]
async fn a_scale_step_waits_for_those_who_go_and_names_what_stays() {
    let tests = "[[test]]\nname = \"t\"\nstep = [{ scale = { worker = 98 }, within = \"7s\" }]";
    assert_eq!(run_on(tests, cluster()).await.only().verdict, Some(Verdict::Pass));
    let stuck = cluster().with_stuck("worker-0098").with_stuck("worker-0099");
    let ran = run_on(tests, stuck).await;
    assert_eq!(failures(ran.only()), ["worker-[0098-0099] (2): not gone within 7s: stopping"]);
    assert_eq!(ran.only().steps[0].failures[0].cause, Cause::NotInTime);
}

#[tokio::test(start_paused = true)]
async fn what_a_kill_met_can_be_met_again_and_what_is_no_nodes_cannot() {
    let tests = r#"
        [[test]]
        name = "again"
        step = [
            { kill = "3 of worker", signal = "STOP", save = { victims = "(.+)" } },
            { exec = ["say"], on = "{saved.victims}", save = { no-node = "(.*)" } },
            { restart = "{saved.victims}" },
            { restart = "{saved.no-node}" },
        ]
    "#;
    let ran = run_on(tests, cluster()).await;
    let test = ran.only();
    let victims = test.steps[0].notes[0].strip_prefix("sent STOP to ").unwrap();
    assert_eq!((test.steps[1].nodes, test.steps[2].notes[0].as_str()), (3, format!("restarted {victims}").as_str()));
    assert_eq!(failures(test), ["`{saved.no-node}` is \"\", which are no nodes"]);
}
