//! `throng run`: the whole way, and what is left of it: a report, and nothing else.

use std::path::PathBuf;

use throng_tests::host;
use throng_tests::site::in_site;

#[test]
fn a_run_passes_is_stored_and_leaves_nothing_behind() {
    in_site(|site| {
        let scenario = site.tiny();
        let run = site.throng(&["run", &scenario]).expect_code(0);
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
