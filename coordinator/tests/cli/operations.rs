//! `run`, `up`, `down`, `scale`, `follow`: progress, tables, exit codes.

use throng_proto::operator::operation_event::Event;
use throng_proto::operator::{
    Cluster, OperationEnded, OperationSummary, PhaseEnded, PhaseProgress, Residue, RoleCount,
};

use crate::fake::Script;
use crate::support::{Bench, ended, phase_ended, script, started, test_ended, test_started};

fn progress(done: u64, detail: &str) -> Event {
    Event::PhaseProgress(PhaseProgress { phase: "up worker".into(), done, total: 2, detail: detail.into() })
}

fn whole_run(verdict: &str, outcome: &str) -> Script {
    let detail = if verdict == "fail" { "worker-[0000-0001] (2): expected PONG" } else { "" };
    let events = vec![
        started("plan", 0),
        phase_ended("plan", 40),
        started("up worker", 2),
        progress(1, "worker-0001"),
        phase_ended("up worker", 4_200),
        test_started("every worker answers"),
        test_ended("every worker answers", verdict, detail),
        started("down", 2),
        phase_ended("down", 900),
        started("audit", 0),
        phase_ended("audit", 100),
        ended(outcome, false),
    ];
    Script { progress: script(events), ..Script::default() }
}

fn cluster() -> Cluster {
    let role = |role: &str, desired| RoleCount { role: role.into(), desired, running: desired, ..RoleCount::default() };
    Cluster {
        cluster: "demo-k3f9".into(),
        scenario: "demo".into(),
        state: "up".into(),
        roles: vec![role("primary", 1), role("worker", 100)],
        ..Cluster::default()
    }
}

#[tokio::test]
async fn a_run_that_passes_ends_with_its_verdicts_its_phases_and_nothing_left_behind() {
    let bench = Bench::new(whole_run("pass", "pass"));
    let done = bench.throng(&["run", &bench.scenario(), "--test", "every", "--seed", "7"]).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    insta::assert_snapshot!("run_stdout", done.stdout);
    insta::assert_snapshot!("run_stderr", done.stderr);
    assert!(bench.fake.calls().contains(&"run keep=Never tests=\"every\" seed=7".to_owned()));
}

#[tokio::test]
async fn a_coordinator_that_ran_before_is_left_running() {
    let bench = Bench::new(whole_run("pass", "pass"));
    bench.throng(&["run", &bench.scenario()]).await;
    assert!(!bench.fake.calls().iter().any(|call| call.starts_with("stop")), "{:?}", bench.fake.calls());
}

#[tokio::test]
async fn every_outcome_of_an_operation_has_its_exit_code() {
    let codes = [
        ("pass", 0),
        ("failed", 1),
        ("usage", 2),
        ("environment", 3),
        ("budget", 4),
        ("residue", 5),
        ("quorum", 6),
        ("interrupted", 130),
        ("unheard-of", 3),
    ];
    for (outcome, code) in codes {
        let bench = Bench::new(whole_run("pass", outcome));
        let done = bench.throng(&["up", &bench.scenario()]).await;
        assert_eq!(done.code, Some(code), "{outcome}");
    }
}

#[tokio::test]
async fn a_failing_test_is_named_with_its_nodes_and_never_hidden_by_json() {
    let bench = Bench::new(whole_run("fail", "failed"));
    let done = bench.throng(&["run", &bench.scenario(), "--format", "json"]).await;
    assert_eq!(done.code, Some(1));
    insta::assert_snapshot!("run_json", done.stdout);
    assert!(done.stderr.contains("worker-[0000-0001] (2): expected PONG"), "{}", done.stderr);
}

#[tokio::test]
async fn residues_are_listed_with_their_remedies_and_nothing_is_said_to_be_clean() {
    let residue = Residue {
        host: "local".into(),
        kind: "mount".into(),
        subject: "/run/throng/demo/worker-0000/data".into(),
        remedy: "umount it".into(),
        ..Residue::default()
    };
    let end = OperationEnded { outcome: "residue".into(), residues: vec![residue], ..OperationEnded::default() };
    let events = vec![started("audit", 0), phase_ended("audit", 100), Event::Ended(end)];
    let bench = Bench::new(Script { clusters: vec![cluster()], progress: script(events), ..Script::default() });
    let done = bench.throng(&["down", "--yes"]).await;
    assert_eq!(done.code, Some(5));
    assert!(done.stdout.contains("/run/throng/demo/worker-0000/data") && done.stdout.contains("umount it"));
    assert!(!done.stdout.contains("nothing left behind"), "{}", done.stdout);
}

/// An `up` that failed in this phase, with this to say at its end.
fn failed_up(phases: Vec<Event>, failed: &str, outcome: &str, detail: &str) -> Script {
    let failed = PhaseEnded { phase: failed.into(), took_millis: 900, ok: false, detail: "0 of 3".into() };
    let end = OperationEnded { outcome: outcome.into(), detail: detail.into(), ..OperationEnded::default() };
    let down = [phase_ended("down", 300), phase_ended("audit", 30)].into_iter().filter(|_| outcome == "quorum");
    let events = phases.into_iter().chain([Event::PhaseEnded(failed)]).chain(down).chain([Event::Ended(end)]);
    Script { progress: script(events.collect()), ..Script::default() }
}

#[tokio::test]
async fn an_up_that_fails_says_in_what_who_and_why_and_what_to_do_each_on_a_line_of_its_own() {
    let plan = || phase_ended("plan", 100);
    let nodes = "worker: 0 of 3 nodes are up, 3 are needed\n  worker-[0000,0002] (2): failed: exit code 7\n    \
                 for instance worker-0000: after 21ms; last output: cannot go on\n  \
                 worker-0001: to be tried again: exit code 7";
    let image =
        "host local: image x/y:1 could not be pulled: refused by the engine\nhint: can this host reach its registry?";
    let memory = "memory: 3 worker × 900GiB = 2.6TiB > 23.5GiB on host local\nhint: lower role.worker.memory";
    let cases = [
        ("up_quorum", 6, failed_up(vec![plan(), phase_ended("image", 50)], "up worker", "quorum", nodes)),
        ("up_image", 6, failed_up(vec![plan()], "image", "quorum", image)),
        ("up_refused", 2, failed_up(vec![], "plan", "usage", memory)),
    ];
    for (name, code, script) in cases {
        let bench = Bench::new(script);
        let done = bench.throng(&["up", &bench.scenario()]).await;
        assert_eq!(done.code, Some(code), "{name}: {}", done.stderr);
        let stderr = done
            .stderr
            .replace(bench.path("").display().to_string().trim_end_matches('/'), "STATE")
            .replace(env!("CARGO_BIN_EXE_throng"), "throng");
        insta::assert_snapshot!(name, format!("{}--- stderr\n{stderr}", done.stdout));
    }
}

#[tokio::test]
async fn a_kept_cluster_comes_with_the_commands_that_go_on() {
    let mut kept = whole_run("pass", "pass");
    kept.progress = script(vec![test_ended("every worker answers", "pass", ""), ended("pass", true)]);
    let bench = Bench::new(kept);
    let done = bench.throng(&["run", &bench.scenario(), "--keep"]).await;
    assert!(done.stderr.contains("down demo-k3f9 --yes"), "{}", done.stderr);
    assert!(bench.fake.calls().iter().any(|call| call.starts_with("run keep=Always")));
}

/// A mount of a cluster; empty: of nobody knows which.
fn left(cluster: &str) -> Residue {
    Residue {
        host: "local".into(),
        kind: "mount".into(),
        subject: format!("/run/throng/{cluster}x"),
        remedy: "umount it".into(),
        cluster: cluster.into(),
    }
}

#[tokio::test]
async fn orphans_are_only_shown_where_nobody_said_yes_and_no_cluster_that_is_up_is_touched() {
    let residues = vec![left("old-x7k2"), left("")];
    let bench = Bench::new(Script { clusters: vec![cluster()], residues, ..Script::default() });
    let done = bench.throng(&["down", "--orphans"]).await;
    assert_eq!(done.code, Some(5));
    assert!(done.stdout.contains("/run/throng/x") && done.stdout.contains("umount it"), "{}", done.stdout);
    assert!(done.stderr.contains("down --orphans --yes"), "{}", done.stderr);
    assert!(!bench.fake.calls().iter().any(|call| call.starts_with("down")), "{:?}", bench.fake.calls());
}

#[tokio::test]
async fn confirmed_orphans_are_removed_as_shown_and_what_is_of_no_known_cluster_still_counts_as_left() {
    let residues = vec![left("old-x7k2"), left("older-a2b3"), left("old-x7k2"), left("")];
    let mut swept = whole_run("pass", "pass");
    swept.residues = residues;
    swept.progress = script(vec![phase_ended("audit", 5), ended("pass", false)]);
    let bench = Bench::new(swept);
    let done = bench.throng(&["down", "--orphans", "--yes"]).await;
    assert_eq!(done.code, Some(5), "{}", done.stderr);
    assert!(bench.fake.calls().contains(&"down  orphans=old-x7k2,older-a2b3".to_owned()), "{:?}", bench.fake.calls());
    insta::assert_snapshot!("orphans_removed", done.stderr);
}

#[tokio::test]
async fn down_asks_first_and_refuses_where_nobody_can_be_asked() {
    let bench = Bench::new(Script { clusters: vec![cluster()], ..Script::default() });
    let done = bench.throng(&["down"]).await;
    assert_eq!(done.code, Some(2));
    insta::assert_snapshot!("down_refused", done.stderr);
    assert!(!bench.fake.calls().iter().any(|call| call.starts_with("down")));
}

#[tokio::test]
async fn a_watch_survives_the_coordinators_restart_without_losing_or_repeating_an_event() {
    let mut broken = whole_run("pass", "pass");
    broken.break_after = Some(5);
    let bench = Bench::new(broken);
    let done = bench.throng(&["run", &bench.scenario(), "--format", "json"]).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let calls = bench.fake.calls();
    assert!(calls.contains(&"follow run-abcdef from=5".to_owned()), "{calls:?}");
    let whole = Bench::new(whole_run("pass", "pass"));
    let undisturbed = whole.throng(&["run", &whole.scenario(), "--format", "json"]).await;
    assert_eq!(done.stdout, undisturbed.stdout);
}

#[tokio::test]
async fn scale_sends_the_counts_and_follow_takes_the_one_operation_that_goes_on() {
    let going = OperationSummary {
        operation: "up-abcdef".into(),
        verb: "up".into(),
        cluster: "demo-k3f9".into(),
        ..OperationSummary::default()
    };
    let script = Script { operations: vec![going], ..whole_run("pass", "pass") };
    let bench = Bench::new(script);
    assert_eq!(bench.throng(&["scale", "worker=150"]).await.code, Some(0));
    assert_eq!(bench.throng(&["follow"]).await.code, Some(0));
    let calls = bench.fake.calls();
    assert!(calls.contains(&"scale {\"worker\": 150}".to_owned()), "{calls:?}");
    assert!(calls.contains(&"follow up-abcdef from=0".to_owned()), "{calls:?}");
}

#[tokio::test]
async fn whoever_follows_a_run_gets_its_report() {
    let going = OperationSummary {
        operation: "run-abcdef".into(),
        verb: "run".into(),
        cluster: "demo-k3f9".into(),
        run: "demo-k3f9-abcde".into(),
        ..OperationSummary::default()
    };
    let script = Script { operations: vec![going], ..whole_run("pass", "pass") };
    let bench = Bench::new(script);
    assert_eq!(bench.throng(&["follow"]).await.code, Some(0));
    let calls = bench.fake.calls();
    assert!(calls.contains(&"get_report demo-k3f9-abcde".to_owned()), "{calls:?}");
}

#[tokio::test]
async fn a_scenario_with_mistakes_starts_nothing_and_shows_them_all() {
    let bench = Bench::new(whole_run("pass", "pass"));
    let wrong = bench.path("wrong.toml");
    std::fs::write(&wrong, "format = 1\n[scenario]\nname = \"demo\"\n[role.worker]\ncuont = 0\n").unwrap();
    for command in ["check", "run", "up", "plan"] {
        let done = bench.throng(&[command, wrong.to_str().unwrap()]).await;
        assert_eq!(done.code, Some(2), "{command}");
        assert!(done.stderr.contains("cuont") && done.stderr.contains("nothing was started"), "{}", done.stderr);
        let json = bench.throng(&[command, wrong.to_str().unwrap(), "--format", "json"]).await;
        let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(json["ok"], false);
    }
    assert!(bench.fake.calls().is_empty(), "{:?}", bench.fake.calls());
}

#[tokio::test]
async fn the_scenario_that_init_writes_has_no_mistakes() {
    let bench = Bench::new(Script::default());
    let dir = bench.path("new-system");
    assert_eq!(bench.throng(&["init", dir.to_str().unwrap()]).await.code, Some(0));
    let done = bench.throng(&["check", dir.join("scenario.toml").to_str().unwrap()]).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
}
