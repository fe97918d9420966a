//! `runs`, `events`, `hosts`, `status`, `operator`, and what needs no coordinator.

use throng_proto::operator::{Event, Host, Report, RunSummary};

use crate::fake::Script;
use crate::support::{Bench, command, finish};

#[tokio::test]
async fn runs_events_and_hosts_are_tables_and_json() {
    let bench = Bench::new(Script {
        runs: vec![RunSummary {
            run: "demo-run-abcde".into(),
            outcome: "pass".into(),
            passed: 5,
            took_millis: 63_000,
            artefacts: "/state/runs/demo-run-abcde".into(),
            ..RunSummary::default()
        }],
        events: vec![Event {
            number: 12,
            at_unix_millis: 1_795_374_096_000,
            cluster: "demo-k3f9".into(),
            subject: "worker-0042".into(),
            kind: "restarted".into(),
            message: "exited with code 1".into(),
        }],
        hosts: vec![Host {
            host: "local".into(),
            connected: true,
            settled: true,
            nodes: 101,
            cpu_cores: 2,
            cpu_busy_cores: Some(1.25),
            memory_total_bytes: 24 << 30,
            memory_available_bytes: 20 << 30,
            engine: "20.10.24".into(),
            kernel: "6.1".into(),
            ..Host::default()
        }],
        ..Script::default()
    });
    insta::assert_snapshot!("runs", bench.throng(&["runs"]).await.stdout);
    insta::assert_snapshot!("events", bench.throng(&["events"]).await.stdout);
    insta::assert_snapshot!("hosts", bench.throng(&["hosts"]).await.stdout);
    for command in ["runs", "events", "hosts", "status"] {
        let json = bench.throng(&[command, "--format", "json"]).await;
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(&json.stdout);
        assert!(parsed.is_ok(), "{command}: {}", json.stdout);
    }
}

#[tokio::test]
async fn a_report_comes_as_junit_and_a_missing_one_is_a_mistake() {
    let report = Report {
        report_json: "{}".into(),
        junit_xml: "<testsuites/>".into(),
        artefacts: "/state".into(),
        ..Report::default()
    };
    let bench = Bench::new(Script { report: Some(report), ..Script::default() });
    assert_eq!(bench.throng(&["report", "--junit"]).await.stdout, "<testsuites/>\n");
    assert_eq!(bench.throng(&["report", "--format", "json"]).await.stdout, "{}\n");
    let none = Bench::new(Script::default());
    let done = none.throng(&["report", "nothing"]).await;
    assert_eq!((done.code, done.stderr.as_str()), (Some(2), "error: there is no such run\n"));
}

#[tokio::test]
async fn a_new_operators_files_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new(Script::default());
    let out = bench.path("");
    let done = bench.throng(&["operator", "add", "ann", "--role", "viewer", "--out", out.to_str().unwrap()]).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    for (name, contents) in [("throng-ca.pem", "CA"), ("ann.pem", "CERT"), ("ann.key", "KEY")] {
        assert_eq!(std::fs::read_to_string(bench.path(name)).unwrap(), contents);
        assert_eq!(bench.path(name).metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn without_a_coordinator_a_command_says_so_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let done = finish(command(folder.path()).arg("ps").spawn().unwrap()).await;
    assert_eq!(done.code, Some(2));
    let shown = done.stderr.replace(folder.path().to_str().unwrap(), "STATE");
    insta::assert_snapshot!("no_coordinator", shown);
}

#[tokio::test]
async fn what_ends_a_command_is_told_to_programs_too_once_and_as_its_last_line() {
    let bench = Bench::new(Script::default());
    let json = async |args: &[&str]| {
        let done = bench.throng(&[&["--format", "json"], args].concat()).await;
        assert_eq!(done.code, Some(2), "{args:?}: {}", done.stderr);
        let told: serde_json::Value = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{}", done.stdout));
        (told, done.stderr)
    };
    let (told, stderr) = json(&["report", "nothing"]).await;
    assert_eq!(told, serde_json::json!({ "error": "there is no such run", "hint": null, "outcome": "usage" }));
    assert_eq!(stderr, "error: there is no such run\n");
    let (told, _) = json(&["ps", "-c", "nothing"]).await;
    assert_eq!(told["hint"], "`throng status` lists them", "{told}");
    let (told, stderr) = json(&["check", "/nowhere/scenario.toml"]).await;
    assert!(told["error"].as_str().unwrap().contains("/nowhere/scenario.toml"), "{told}");
    let text = |key: &str| told[key].as_str().unwrap();
    assert_eq!(stderr, format!("error: {}\nhint: {}\n", text("error"), text("hint")));
    std::fs::write(bench.scenario(), "format = 2\n").unwrap();
    let (told, _) = json(&["check", &bench.scenario()]).await;
    assert!(told["diagnostics"].is_array() && told.get("error").is_none(), "{told}");
    let human = bench.throng(&["report", "nothing"]).await;
    assert_eq!(human.stdout, "");
}

#[tokio::test]
async fn a_wrong_command_line_is_exit_code_2_and_help_is_0() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[&str], i32); 5] =
        [(&["sclae"], 2), (&["run"], 2), (&["scale", "worker"], 2), (&["--help"], 0), (&["completions", "bash"], 0)];
    for (args, code) in cases {
        let done = finish(command(folder.path()).args(args).spawn().unwrap()).await;
        assert_eq!(done.code, Some(code), "{args:?}: {}", done.stderr);
    }
}

#[tokio::test]
async fn init_writes_once_and_never_over_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let init = || finish(command(folder.path()).arg("init").arg(&dir).spawn().unwrap());
    assert_eq!(init().await.code, Some(0));
    let written = std::fs::read(dir.join("scenario.toml")).unwrap();
    let again = init().await;
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);
    assert_eq!(std::fs::read(dir.join("scenario.toml")).unwrap(), written);
}
