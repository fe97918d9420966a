//! The coordinator dies in the midst of something: the next one goes on with it, and whoever watches sees its end.

use std::fs;

use throng_tests::finished::Running;
use throng_tests::site::{COMMAND_TIMEOUT, SETTLE_TIMEOUT, Site, in_site, pids};
use throng_tests::wait::wait_for;
use throng_tests::{coordinator, engine};

const GOES_ON: &str = "it goes on";

/// Workers that take a while to be ready, and a while to end.
const SLOW: &str = r#"[role.worker]
command = ["sh", "-c", "trap '' TERM; sleep 5; sh /srv/worker & wait; wait"]
stop = { grace = "5s" }
"#;

/// A test that takes longer than anything waits for it.
const LONG: &str = r#"
[[test]]
name = "a long one"

[[test.step]]
wait = "5m"
"#;

fn slow(site: &Site) -> [String; 2] {
    [site.tiny(), site.file("slow.toml", SLOW)]
}

fn containers(site: &Site) -> usize {
    engine::containers(&format!("throng-{}", site.name())).len()
}

fn wait_for_containers(site: &Site, count: usize) {
    wait_for(&format!("{count} containers are there"), SETTLE_TIMEOUT, || match containers(site) {
        found if found == count => Ok(()),
        found => Err(found),
    });
}

fn wait_for_state(site: &Site, state: &str) {
    wait_for(&format!("the cluster is {state}"), SETTLE_TIMEOUT, || {
        let status = site.throng(&["status", "--format", "json"]).expect_code(0).json();
        if status["clusters"][0]["state"] == state { Ok(()) } else { Err(format!("{status:#}")) }
    });
}

fn die_and_begin_anew(site: &Site) -> Running {
    coordinator::kill(site);
    coordinator::start(site)
}

#[test]
fn a_cluster_that_was_being_brought_up_comes_up_with_the_nodes_that_ran_already() {
    in_site(|site| {
        let [scenario, slow] = slow(site);
        let up = site.start("throng", &["up", &scenario, "--overlay", &slow]);
        wait_for_containers(site, 3);
        wait_for("they run", SETTLE_TIMEOUT, || if pids(&site.ps()).len() == 4 { Ok(()) } else { Err(site.ps()) });
        let before = pids(&site.ps());
        let _anew = die_and_begin_anew(site);
        let _ = up.end(COMMAND_TIMEOUT).expect_code(0).expect_said(&[GOES_ON, "is up. Next:"]);
        assert_eq!(pids(&site.ps()), before);
        site.down();
    });
}

#[test]
fn a_teardown_goes_on_to_nothing_and_one_that_was_asked_for_by_ctrl_c_too() {
    in_site(|site| {
        let [scenario, slow] = slow(site);
        let _ = site.throng(&["up", &scenario, "--overlay", &slow]).expect_code(0);
        let down = site.start("throng", &["down", "--yes"]);
        wait_for_state(site, "stopping");
        let anew = die_and_begin_anew(site);
        let _ = down.end(COMMAND_TIMEOUT).expect_code(0).expect_said(&[GOES_ON, "nothing left behind"]);
        assert_eq!(containers(site), 0);
        let _ = site.throng(&["stop"]).expect_code(0);
        let _ = anew.end(COMMAND_TIMEOUT);

        let up = site.start("throng", &["up", &scenario, "--overlay", &slow]);
        wait_for_containers(site, 3);
        up.interrupt();
        wait_for_state(site, "stopping");
        let _anew = die_and_begin_anew(site);
        let up = up.end(COMMAND_TIMEOUT);
        assert!(up.code.is_some_and(|code| code != 0), "{up}");
        let _ = up.expect_said(&["interrupted", "nothing left behind"]);
        assert_eq!(containers(site), 0);
    });
}

#[test]
fn a_new_count_is_reached_and_the_survivors_are_not_touched() {
    in_site(|site| {
        let [scenario, slow] = slow(site);
        let _ = site.throng(&["up", &scenario, "--overlay", &slow]).expect_code(0);
        let before = pids(&site.ps());
        let scale = site.start("throng", &["scale", "worker=4"]);
        wait_for_containers(site, 4);
        let _anew = die_and_begin_anew(site);
        let _ = scale.end(COMMAND_TIMEOUT).expect_code(0).expect_said(&[GOES_ON]);
        let mut after = pids(&site.ps());
        assert!(after.remove("worker-0003").is_some() && after == before, "{before:?}, now {after:?}");
        site.down();
    });
}

#[test]
fn a_run_takes_its_cluster_down_says_that_nothing_is_known_and_what_does_it_again() {
    in_site(|site| {
        let scenario = site.tiny();
        let text = fs::read_to_string(&scenario).unwrap();
        fs::write(&scenario, text + LONG).unwrap();
        let run = site.start("throng", &["run", &scenario]);
        wait_for("its tests run", SETTLE_TIMEOUT, || {
            let said = run.stderr();
            if said.contains("PASS") { Ok(()) } else { Err(said) }
        });
        let _anew = die_and_begin_anew(site);
        let run = run.end(COMMAND_TIMEOUT).expect_code(3);
        let again = format!("run {scenario}`");
        let run = run.expect_said(&[
            "the coordinator is back",
            "left off",
            "what its tests came to is not known",
            "again: `",
            &again,
        ]);
        assert!(run.stdout.contains("NOT RUN") && !run.stdout.contains("PASS"), "{run}");
        assert_eq!(containers(site), 0);
        // The daemons that were started for the run have ended with it.
        let stored = fs::read_dir(site.state_dir().join("runs")).unwrap().next().unwrap().unwrap().path();
        let report: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(stored.join("report.json")).unwrap()).unwrap();
        assert_eq!((&report["outcome"], &report["ending"]["end"]), (&"environment".into(), &"left-off".into()));
    });
}

#[test]
fn a_run_whose_tests_are_over_keeps_its_verdicts_when_the_coordinator_dies_in_the_teardown() {
    in_site(|site| {
        let [scenario, slow] = slow(site);
        let run = site.start("throng", &["run", &scenario, "--overlay", &slow]);
        wait_for_containers(site, 3);
        wait_for_state(site, "stopping");
        let _anew = die_and_begin_anew(site);
        let run = run.end(COMMAND_TIMEOUT).expect_code(0).expect_said(&[GOES_ON, "PASS", "Nothing left behind"]);
        assert!(!run.stdout.contains("NOT RUN"), "{run}");
        assert_eq!(containers(site), 0);
        let runs = fs::read_dir(site.state_dir().join("runs")).unwrap().next().unwrap().unwrap().path();
        assert!(runs.join("report.json").is_file() && runs.join("junit.xml").is_file());
        assert!(!runs.join("draft.json").exists());
    });
}
