//! Tests that fail, and clusters that do not come up: what is said of them, and how it ends.

use std::path::Path;

use throng_tests::site::in_site;
use throng_tests::tiny::FAILING;

#[test]
fn a_failing_test_names_its_nodes_folded_and_keeps_their_logs() {
    in_site(|site| {
        let scenario = site.tiny();
        let overlay = site.file("failing.toml", FAILING);
        let run = site.throng(&["run", &scenario, "--overlay", &overlay]).expect_code(1);
        let run = run.expect_said(&["worker-[0001-0002]", "FAIL", "KNOWN FAILURE", "nothing left behind"]);
        assert!(!run.stdout.contains("UNEXPECTED PASS"), "{run}");

        let folder = only_folder(&site.state_dir().join("runs"));
        let junit = std::fs::read_to_string(folder.join("junit.xml")).unwrap();
        let report = quick_junit::Report::deserialize_from_str(&junit).unwrap();
        let failures: usize = report.test_suites.iter().map(|suite| suite.failures).sum();
        assert_eq!(failures, 1, "{junit}");
        assert!(junit.contains("worker-[0001-0002]"), "{junit}");

        let files = files_below(&folder);
        for node in ["worker-0001", "worker-0002"] {
            let holds = |text: &str| {
                let of_node = files.iter().filter(|path| path.to_string_lossy().contains(node));
                of_node.filter_map(|path| std::fs::read_to_string(path).ok()).any(|content| content.contains(text))
            };
            assert!(holds(&format!("{node} begins")), "no log of {node} among {files:#?}");
            assert!(
                files.iter().any(|path| path.to_string_lossy().contains(node) && path.ends_with("name")),
                "{files:#?}"
            );
        }
    });
}

#[test]
fn a_known_failure_alone_is_no_failure_of_the_run() {
    in_site(|site| {
        let scenario = site.tiny();
        let overlay = site.file("failing.toml", FAILING);
        let only = ["run", &scenario, "--overlay", &overlay, "--test", "workers can write"];
        let _ = site.throng(&only).expect_code(0).expect_said(&["KNOWN FAILURE", "read-only"]);
    });
}

#[test]
fn a_known_failure_that_passes_is_reported() {
    in_site(|site| {
        let scenario = site.tiny();
        let overlay = site.file(
            "passing.toml",
            "[[test]]\nname = \"said to fail\"\nexpect = \"fail\"\nreason = \"so we thought\"\n\
             step = [ { exec = [\"true\"], on = \"worker\" } ]\n",
        );
        let only = ["run", &scenario, "--overlay", &overlay, "--test", "said to fail"];
        let _ = site.throng(&only).expect_code(1).expect_said(&["UNEXPECTED PASS"]);
    });
}

#[test]
fn nodes_that_end_at_once_are_named_with_their_reason_and_nothing_stays() {
    in_site(|site| {
        let scenario = site.tiny();
        let overlay = site.file(
            "ends.toml",
            "[role.worker]\ncommand = [\"sh\", \"-c\", \"echo cannot go on; exit 7\"]\n\
             restart = { max = 1, backoff = \"100ms\" }\n",
        );
        let run = site.throng(&["run", &scenario, "--overlay", &overlay]).expect_code(6);
        // The quorum is lost with the first that is given up: how far the others are by then is chance.
        let run = run.expect_said(&["quorum not met", "failed: exit code 7", "for instance worker-000"]);
        // They are gone, and what they said is still to be read.
        let run = run.expect_said(&["kept of nodes that did not come up: logs/worker-000", "artefacts: "]);
        let _ = site.throng(&["runs"]).expect_code(0).expect_said(&["quorum"]);
        site.expect_no_daemons();
        let run = run.expect_said(&["last output: cannot go on", "Nothing left behind"]);
        assert!(!run.stdout.contains("mount table"), "{run}");
        site.expect_no_daemons();
    });
}

/// One worker ends at once, whenever it is started; the quorum is met without it.
const ENOUGH: &str = r#"
[role.worker]
command = ["sh", "-c", "test {node.name} != worker-0001 || exit 7; exec sh /srv/worker"]
restart = { max = 1, backoff = "100ms" }
start = { quorum = "60%", timeout = "60s" }
"#;

#[test]
fn a_quorum_that_is_met_without_some_is_enough_and_they_are_named_with_their_reason() {
    in_site(|site| {
        let scenario = site.tiny();
        let overlay = site.file("enough.toml", ENOUGH);
        let up = site.throng(&["up", &scenario, "--overlay", &overlay]).expect_code(0);
        let why = "worker-0001: failed: exit code 7";
        let _ = up.expect_said(&["2 of 3 nodes are up, enough for the quorum", why, "is up. Next:"]);
        assert_eq!(site.node("worker-0001")["phase"], "failed");
        site.down();

        // Those who are only late are left behind by the role's timeout, and named too.
        let late = ENOUGH.replace("exit 7", "exec sleep 1000").replace("60s", "8s");
        let overlay = site.file("late.toml", &late);
        let up = site.throng(&["up", &scenario, "--overlay", &overlay]).expect_code(0);
        let _ = up.expect_said(&["2 of 3 nodes are up, enough for the quorum", "worker-0001: starting: port `http`"]);
        site.down();
        let _ = site.throng(&["stop"]).expect_code(0);
    });
}

#[test]
fn a_cluster_is_kept_on_failure_with_the_next_commands_and_goes_when_all_passed() {
    in_site(|site| {
        let scenario = site.tiny();
        let overlay = site.file("failing.toml", FAILING);
        let run =
            |test: &str| site.throng(&["run", &scenario, "--overlay", &overlay, "--keep=on-failure", "--test", test]);
        let _ = run("own finds").expect_code(0).expect_said(&["Nothing left behind"]);
        site.expect_no_daemons();
        let failed = run("is the first").expect_code(1);
        let cluster = site.cluster();
        let _ = failed.expect_said(&["FAIL", &cluster, "throng ps", "throng down"]);
        site.wait_for_count("worker", 3);
        site.down();
        let _ = site.throng(&["stop"]).expect_code(0);
    });
}

#[test]
fn nodes_that_are_never_ready_end_the_start_at_its_timeout() {
    in_site(|site| {
        let scenario = site.tiny();
        let overlay =
            site.file("silent.toml", "[role.worker]\ncommand = [\"sleep\", \"1000\"]\nstart = { timeout = \"5s\" }\n");
        let up = site.throng(&["up", &scenario, "--overlay", &overlay]).expect_code(6);
        let why = "worker-[0000-0002] (3): starting: port `http` gives no answer: the connection is not accepted";
        let _ = up.expect_said(&["0 of 3 nodes are up", why, "for instance worker-", "nothing left behind"]);
        site.expect_no_daemons();
    });
}

#[test]
fn an_image_script_that_fails_is_quoted_and_nothing_starts() {
    in_site(|site| {
        let scenario = site.tiny();
        site.file("image.sh", "#!/bin/sh\necho no root file system today >&2\nexit 3\n");
        let run = site.throng(&["run", &scenario]).expect_code(6);
        let _ = run.expect_said(&["image.sh", "no root file system today"]);
        site.expect_no_daemons();
    });
}

fn only_folder(parent: &Path) -> std::path::PathBuf {
    let mut found = std::fs::read_dir(parent).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    found.next().unwrap_or_else(|| panic!("nothing in {}", parent.display()))
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
