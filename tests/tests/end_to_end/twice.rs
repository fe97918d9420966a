//! Two of what there should be one of, or two people at once: each is told clearly, and nothing is harmed.

use std::time::Duration;

use throng_tests::site::{COMMAND_TIMEOUT, SETTLE_TIMEOUT, in_site};
use throng_tests::wait::wait_for;
use throng_tests::{agent, engine};

/// Two clusters on a busy machine.
const WITHIN: Duration = Duration::from_secs(120);

#[test]
fn a_second_coordinator_and_a_second_agent_are_refused_with_who_is_there() {
    in_site(|site| {
        let _ = site.up();
        let status = site.throng(&["status", "--format", "json"]).expect_code(0).json()["coordinator"].clone();
        let (pid, pin) = (status["pid"].to_string(), status["ca_pin"].as_str().unwrap().to_owned());
        let serve = site.throng(&["serve"]).expect_code(2);
        let _ =
            serve.expect_said(&["already uses state directory", &format!("pid {pid}"), "throng stop", "--state-dir"]);

        let own = agent::pid(site).to_string();
        let address = status["address"].as_str().unwrap().trim_start_matches("https://").to_owned();
        let same = ["--coordinator", &address, "--ca-pin", &pin, "--host", "local"];
        let run = site.agent(&[&["run"][..], &same].concat()).expect_code(1);
        let _ = run.expect_said(&[&own, site.agent_state_dir().to_str().unwrap()]);
        // The one that runs is the one that is wanted.
        let _ = site.agent(&[&["start"][..], &same].concat()).expect_code(0);
        let other = ["start", "--coordinator", "127.0.0.1:9", "--ca-pin", &pin, "--host", "local"];
        let _ = site.agent(&other).expect_code(1).expect_said(&[&own, &address, "stop it first"]);
        assert_eq!(agent::pid(site).to_string(), own);
        site.wait_for_count("worker", 3);
        site.down();
    });
}

#[test]
fn two_ups_at_once_from_nothing_share_one_coordinator_and_one_agent_and_both_come_up() {
    in_site(|site| {
        let scenario = site.tiny();
        let both = [site.start("throng", &["up", &scenario]), site.start("throng", &["up", &scenario])];
        for up in both {
            let _ = up.end(WITHIN).expect_code(0);
        }
        let status = site.throng(&["status", "--format", "json"]).expect_code(0).json();
        let clusters: Vec<String> = status["clusters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["cluster"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(clusters.len(), 2, "{status:#}");
        let _ = agent::pid(site);
        let _ =
            site.throng(&["ps"]).expect_code(2).expect_said(&["several clusters are up", &clusters[0], &clusters[1]]);
        for cluster in clusters {
            let _ = site.throng(&["down", &cluster, "--yes"]).expect_code(0).expect_said(&["nothing left behind"]);
        }
    });
}

#[test]
fn of_two_commands_for_one_cluster_the_second_is_told_who_is_at_work_and_two_downs_both_end_well() {
    in_site(|site| {
        let cluster = site.up();
        let restart = site.start("throng", &["restart", "worker", "--rolling"]);
        wait_for("it is at work", SETTLE_TIMEOUT, || {
            let status = site.throng(&["status"]).expect_code(0);
            if status.stdout.contains("restart-") { Ok(()) } else { Err(status) }
        });
        for second in [&["scale", "worker=4"][..], &["restart", "all"], &["reset", "--yes"], &["test"]] {
            let refused = site.throng(second).expect_code(2);
            let _ = refused.expect_said(&["is at work on this cluster", "hint: `throng follow restart-"]);
        }
        let _ = restart.end(WITHIN).expect_code(0);
        let both =
            [site.start("throng", &["down", &cluster, "--yes"]), site.start("throng", &["down", &cluster, "--yes"])];
        for down in both {
            let down = down.end(COMMAND_TIMEOUT);
            let late = down.code == Some(2) && down.stderr.contains("there is no cluster");
            assert!(down.code == Some(0) || late, "{down}");
        }
        assert!(engine::containers(&format!("throng-{cluster}")).is_empty());
    });
}
