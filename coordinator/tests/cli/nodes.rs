//! `ps`, `exec`, `logs`, `cp`: folded, as JSON, with an outcome for every node.

use throng_proto::operator::{Cluster, ExecOutcome, LogLine, Node, RoleCount};

use crate::fake::Script;
use crate::support::Bench;

fn outcome(index: u32, stdout: &str, code: i32) -> ExecOutcome {
    let stderr = if code == 0 { "" } else { "refused\n" };
    ExecOutcome {
        node: format!("worker-{index:04}"),
        code,
        stdout: stdout.as_bytes().to_vec().into(),
        stderr: stderr.as_bytes().to_vec().into(),
        took_micros: 1500,
        ..ExecOutcome::default()
    }
}

fn answers() -> Script {
    let outcomes =
        (0..1000).map(|index| if index == 997 { outcome(index, "", 7) } else { outcome(index, "PONG\n", 0) });
    Script { outcomes: outcomes.collect(), ..Script::default() }
}

fn node(index: u32, phase: &str, seen: &str, reason: &str) -> Node {
    Node {
        node: format!("worker-{index:04}"),
        host: "local".into(),
        desired: "running".into(),
        phase: phase.into(),
        reason: reason.into(),
        seen: seen.into(),
        address: "127.84.0.1".into(),
        ports: format!("redis={}", 20_000 + index),
        ..Node::default()
    }
}

fn cluster() -> Script {
    let role = RoleCount {
        role: "worker".into(),
        desired: 100,
        running: 99,
        ready: 99,
        seen: Some(98),
        missing: "worker-[0007,0042]".into(),
        ..RoleCount::default()
    };
    let mut nodes: Vec<Node> = (0..100).map(|index| node(index, "ready", "yes", "")).collect();
    nodes[7] = node(7, "ready", "no", "");
    nodes[42] = node(42, "backoff", "no", "exited with code 1");
    let cluster = Cluster {
        cluster: "demo-k3f9".into(),
        scenario: "demo".into(),
        state: "degraded".into(),
        roles: vec![role],
        ..Cluster::default()
    };
    Script { clusters: vec![cluster], nodes, ..Script::default() }
}

#[tokio::test]
async fn equal_outputs_stand_under_one_node_set_and_the_failed_node_is_named() {
    let bench = Bench::new(answers());
    let done = bench.throng(&["exec", "worker", "--", "redis-cli", "ping"]).await;
    assert_eq!(done.code, Some(1));
    assert_eq!(done.stdout, "worker-[0000-0996,0998-0999] (999): PONG\n");
    insta::assert_snapshot!("exec_stderr", done.stderr);
}

#[tokio::test]
async fn json_gives_one_object_for_every_node_and_no_fold_one_line() {
    let bench = Bench::new(answers());
    let json = bench.throng(&["exec", "worker", "--format", "json", "--", "true"]).await;
    assert_eq!(json.stdout.lines().count(), 1000);
    let first: serde_json::Value = serde_json::from_str(json.stdout.lines().next().unwrap()).unwrap();
    assert_eq!((&first["node"], &first["stdout"]), (&"worker-0000".into(), &"PONG\n".into()));
    let lines = bench.throng(&["exec", "worker", "--no-fold", "--", "true"]).await;
    assert_eq!(lines.stdout.lines().count(), 999);
    assert!(lines.stdout.starts_with("worker-0000: PONG\n"));
}

#[tokio::test]
async fn of_one_named_node_the_output_comes_as_it_is() {
    let bench = Bench::new(Script { outcomes: vec![outcome(3, "a\n\n b", 0)], ..Script::default() });
    let done = bench.throng(&["exec", "worker-0003", "--", "cat"]).await;
    assert_eq!((done.stdout.as_str(), done.code), ("a\n\n b", Some(0)));
}

#[tokio::test]
async fn what_is_piped_in_is_passed_on_where_that_is_asked_for() {
    let bench = Bench::new(Script { outcomes: vec![outcome(3, "x", 0)], ..Script::default() });
    bench.piped(&["exec", "-i", "worker-0003", "--", "cat"], "hello").await;
    bench.piped(&["exec", "worker-0003", "--", "cat"], "unread").await;
    let calls = bench.fake.calls();
    assert!(calls[0].ends_with("stdin=\"hello\"") && calls[1].ends_with("stdin=\"\""), "{calls:?}");
}

#[tokio::test]
async fn a_selector_that_names_no_node_is_a_mistake() {
    let bench = Bench::new(Script::default());
    let done = bench.throng(&["exec", "client", "--", "true"]).await;
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("`client` names no node"), "{}", done.stderr);
}

#[tokio::test]
async fn a_terminal_is_refused_where_there_is_none() {
    let bench = Bench::new(Script::default());
    let done = bench.throng(&["exec", "-it", "worker-0003", "--", "sh"]).await;
    assert_eq!(done.code, Some(2));
    assert!(bench.fake.calls().is_empty(), "{:?}", bench.fake.calls());
}

#[tokio::test]
async fn ps_shows_three_columns_and_who_is_not_as_desired() {
    let bench = Bench::new(cluster());
    insta::assert_snapshot!("ps", bench.throng(&["ps"]).await.stdout);
    insta::assert_snapshot!("ps_selector", bench.throng(&["ps", "worker"]).await.stdout);
    let long = bench.throng(&["ps", "worker", "-l"]).await.stdout;
    assert_eq!(long.lines().count(), 101);
    let json = bench.throng(&["ps", "--format", "json"]).await.stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["nodes"].as_array().unwrap().len(), 100);
    assert_eq!(json["roles"][0]["seen"], 98);
}

#[tokio::test]
async fn ps_says_why_the_system_under_test_has_not_said_whom_it_knows() {
    let problem = "the system under test did not answer: exit code 1: Connection refused";
    let role = |role: &str, seen_problem: &str| RoleCount {
        role: role.into(),
        desired: 2,
        running: 2,
        ready: 2,
        seen: Some(0),
        seen_problem: seen_problem.into(),
        ..RoleCount::default()
    };
    let roles = vec![role("worker", problem), role("client", "another role's")];
    let cluster = Cluster { cluster: "demo-k3f9".into(), state: "degraded".into(), roles, ..Cluster::default() };
    let nodes = (0..2).map(|index| node(index, "ready", "unanswered", "")).collect();
    let bench = Bench::new(Script { clusters: vec![cluster], nodes, ..Script::default() });
    let summary = bench.throng(&["ps"]).await;
    insta::assert_snapshot!("ps_unanswered", summary.stdout);
    assert!(summary.stderr.contains(&format!("worker: {problem}")), "{}", summary.stderr);
    assert!(!summary.stderr.contains("another role's"), "{}", summary.stderr);
    insta::assert_snapshot!("ps_unanswered_selector", bench.throng(&["ps", "worker"]).await.stdout);
    let json = bench.throng(&["ps", "--format", "json"]).await.stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["roles"][0]["seen"], &json["roles"][0]["seen_problem"]),
        (&serde_json::Value::Null, &problem.into())
    );
}

#[tokio::test]
async fn logs_are_prefixed_or_folded_and_a_node_without_logs_is_a_failure() {
    let line = |index: u32, text: &str| LogLine {
        node: format!("worker-{index:04}"),
        text: text.as_bytes().to_vec().into(),
        ..LogLine::default()
    };
    let mut lines = vec![line(0, "ready"), line(1, "ready"), line(1, "lost")];
    lines.push(LogLine { error: Some("host lost".into()), ..line(2, "") });
    let bench = Bench::new(Script { log_lines: lines, ..Script::default() });
    let done = bench.throng(&["logs", "worker", "--tail", "5"]).await;
    assert_eq!(done.stdout, "worker-0000 | ready\nworker-0001 | ready\nworker-0001 | lost\n");
    assert_eq!(done.stderr, "worker-0002: host lost\nno logs of 1 nodes: worker-0002\n");
    assert_eq!(done.code, Some(1));
    let folded = bench.throng(&["logs", "worker", "--fold"]).await;
    assert_eq!(folded.stdout, "worker-[0000-0001] (2): ready\nworker-0001: lost\n");
}

#[tokio::test]
async fn a_file_is_copied_out_and_a_refusal_leaves_no_empty_one() {
    let bench = Bench::new(Script { file: b"twelve bytes".to_vec(), ..Script::default() });
    let target = bench.path("copy");
    let done = bench.throng(&["cp", "worker-0003:/data/x", target.to_str().unwrap()]).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(std::fs::read(&target).unwrap(), b"twelve bytes");
    let empty = Bench::new(Script::default());
    let target = empty.path("copy");
    let done = empty.throng(&["cp", "worker-0003:/data/x", target.to_str().unwrap()]).await;
    assert_eq!(done.code, Some(2));
    assert!(!target.exists());
}

#[tokio::test]
async fn a_copy_that_breaks_off_leaves_no_part_and_what_was_there_before() {
    let script = Script { file: b"twelve bytes".to_vec(), break_after: Some(2), ..Script::default() };
    let bench = Bench::new(script);
    let target = bench.path("copies/x");
    std::fs::create_dir(bench.path("copies")).unwrap();
    for before in [None, Some("old")] {
        if let Some(text) = before {
            std::fs::write(&target, text).unwrap();
        }
        let done = bench.throng(&["cp", "worker-0003:/data/x", target.to_str().unwrap()]).await;
        assert_eq!(done.code, Some(6), "{}", done.stderr);
        assert_eq!(std::fs::read_to_string(&target).ok().as_deref(), before);
        assert_eq!(std::fs::read_dir(bench.path("copies")).unwrap().count(), before.iter().count());
    }
    assert!(bench.fake.calls().contains(&format!("read_file worker-0003 /data/x max={}", 64 << 20)));
}
