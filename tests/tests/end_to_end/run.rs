//! `throng run`: the whole way, and what is left of it: a report, and nothing else.

use std::path::PathBuf;

use serde_json::Value;
use throng_tests::site::in_site;
use throng_tests::{engine, host};

#[test]
fn a_run_passes_is_stored_and_leaves_nothing_behind() {
    in_site(|site| {
        let scenario = site.tiny();
        let run = site.throng(&["run", &scenario, "--trace", "where.json"]).expect_code(0);
        let run = run.expect_said(&["every worker answers under its own name", "PASS", "nothing left behind"]);
        assert!(!run.stdout.contains("FAIL"), "{run}");

        // What was started for the run has ended with it (a teardown by the harness would hide that).
        site.expect_no_daemons();
        assert!(host::mounts(site.mark()).is_empty());
        assert_eq!(site.before().differences(), Vec::<String>::new());

        let runs = site.state_dir().join("runs");
        let folders: Vec<PathBuf> =
            std::fs::read_dir(&runs).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
        let [folder] = &folders[..] else { panic!("one run is stored: {folders:?}") };
        expect_trace(&std::fs::read_to_string(site.folder().join("where.json")).unwrap());
        for file in ["report.json", "junit.xml", "plan.json", "metrics.csv", "scenario/tiny.toml"] {
            assert!(folder.join(file).is_file(), "{file} is missing in {}", folder.display());
        }
        let junit =
            quick_junit::Report::deserialize_from_str(&std::fs::read_to_string(folder.join("junit.xml")).unwrap());
        let junit = junit.unwrap();
        let cases: Vec<_> = junit.test_suites.iter().flat_map(|suite| &suite.test_cases).collect();
        assert!(cases.iter().any(|case| case.name.as_str() == "every worker answers under its own name"), "{cases:?}");
        assert_eq!(junit.test_suites.iter().map(|suite| suite.failures + suite.errors).sum::<usize>(), 0);
    });
}

/// Every node is in it, with the phases that it really went through, in their order.
fn expect_trace(text: &str) {
    let trace: Value = serde_json::from_str(text).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let lines = events.iter().filter(|event| event["name"] == "thread_name");
    let workers: Vec<&Value> =
        lines.filter(|line| line["args"]["name"].as_str().unwrap().starts_with("worker-")).collect();
    assert_eq!(workers.len(), 3, "{events:#?}");
    for worker in workers {
        let mut spans: Vec<&Value> = events
            .iter()
            .filter(|event| event["ph"] == "X" && event["pid"] == worker["pid"] && event["tid"] == worker["tid"])
            .collect();
        spans.sort_by_key(|span| span["ts"].as_u64());
        let phases: Vec<&str> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
        let at = |wanted: &str| {
            let found = phases.iter().position(|phase| *phase == wanted);
            found.unwrap_or_else(|| panic!("no {wanted} in {phases:?}"))
        };
        assert!(at("preparing") < at("ready") && at("ready") < at("stopping"), "{phases:?}");
    }
}

#[test]
fn a_run_watches_its_host_every_second_and_names_the_image_that_nodes_really_ran() {
    in_site(|site| {
        let scenario = site.tiny();
        let waiting =
            site.file("waiting.toml", "[[test]]\nname = \"some time passes\"\nstep = [ { wait = \"4s\" } ]\n");
        let _ =
            site.throng(&["run", &scenario, "--overlay", &waiting, "--test", "time passes", "--keep"]).expect_code(0);
        let report = site.throng(&["report", "--format", "json"]).expect_code(0).json();

        let load = &report["hosts"][0]["load"];
        let samples = load["samples"].as_array().unwrap();
        let figure = |sample: &Value, key: &str| sample[key].as_f64().unwrap_or_else(|| panic!("no {key}: {sample:#}"));
        let short = samples.iter().filter(|sample| figure(sample, "took_millis") < 2_500.0).count();
        assert!(short >= 4, "a second each, over more than four: {samples:#?}");
        assert!(samples.iter().all(|sample| figure(sample, "memory_available_bytes") > 0.0), "{samples:#?}");
        assert!(samples.iter().skip(1).any(|sample| sample["late_millis"].is_u64()), "no ticker ran: {samples:#?}");
        assert!(figure(&load["summary"], "nodes_memory_bytes") > 0.0, "{load:#}");
        let worker = report["roles"].as_array().unwrap().iter().find(|role| role["role"] == "worker").unwrap();
        assert!(worker["peak_anonymous_bytes"].as_u64() > Some(0), "{worker:#}");
        assert!(worker["peak_memory_bytes"].as_u64() >= worker["peak_anonymous_bytes"].as_u64(), "{worker:#}");

        let containers = engine::containers(&format!("throng-{}", site.name()));
        let ran = engine::inspect(&containers[0].id).unwrap()["Image"].clone();
        assert_eq!(report["images"][0]["digest"], ran, "{:#}", report["images"]);
        let csv = std::fs::read_to_string(format!("{}/hosts.csv", report["folder"].as_str().unwrap())).unwrap();
        assert_eq!(csv.lines().count(), samples.len() + 1, "{csv}");
        site.down();
        let _ = site.throng(&["stop"]).expect_code(0);
    });
}

/// A worker fills half of its ramdisk, wants more CPU than it may have, and loses a child to its memory limit.
const BUSY: &str = r#"
[role.worker]
cpu = 0.2

[[test]]
name = "busy"

[[test.step]]
exec = ["sh", "-c", "head -c 524288 /dev/zero >/data/half; timeout 4 sh -c 'while :; do :; done'; (s=xxxxxxxx; while :; do s=$s$s; done); true"]
on = "worker-0001"

# Until it was looked at.
[[test.step]]
wait = "3s"
"#;

#[test]
fn what_a_run_says_of_nodes_is_what_they_did() {
    in_site(|site| {
        let scenario = site.tiny();
        let busy = site.file("busy.toml", BUSY);
        let _ = site.throng(&["run", &scenario, "--overlay", &busy, "--test", "busy"]).expect_code(0);
        let report = site.throng(&["report", "--format", "json"]).expect_code(0).json();
        let worker = report["roles"].as_array().unwrap().iter().find(|role| role["role"] == "worker").unwrap();
        let figure = |key: &str| worker[key].as_u64().unwrap_or_else(|| panic!("no {key}: {worker:#}"));
        assert!((524_288..=1_048_576).contains(&figure("peak_ramdisk_bytes")), "{worker:#}");
        assert!(figure("throttled_millis") > 500, "four seconds at a fifth of a core: {worker:#}");
        assert!(figure("oom_kills") >= 1, "{worker:#}");
        let _ = site.throng(&["stop"]);
    });
}

#[test]
fn two_runs_in_a_row_are_both_stored_and_no_daemon_stays() {
    in_site(|site| {
        let scenario = site.tiny();
        for _ in 0..2 {
            let _ = site.throng(&["run", &scenario, "--set", "param.workers=1", "--test", "program"]).expect_code(0);
            site.expect_no_daemons();
        }
        let stored = std::fs::read_dir(site.state_dir().join("runs")).unwrap().count();
        assert_eq!(stored, 2);
    });
}

#[test]
fn a_kept_cluster_can_be_tested_again_and_its_reports_be_read() {
    in_site(|site| {
        let scenario = site.tiny();
        let _ = site.throng(&["run", &scenario, "--keep"]).expect_code(0);
        site.wait_for_count("worker", 3);
        let _ = site.throng(&["test"]).expect_code(0).expect_said(&["every worker answers under its own name"]);
        let runs = site.throng(&["runs", "--format", "json"]).expect_code(0).json();
        assert_eq!(runs.as_array().map(Vec::len), Some(2), "{runs:#}");
        let report = site.throng(&["report"]).expect_code(0);
        assert!(report.stdout.contains("PASS"), "{report}");
        site.down();
        let _ = site.throng(&["stop"]).expect_code(0);
    });
}
