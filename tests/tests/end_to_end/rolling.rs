//! A cluster that is up is changed: restarted, wiped, brought to another scenario, some nodes at a time.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::Value;
use throng_tests::engine;
use throng_tests::finished::{Finished, Running};
use throng_tests::site::{SETTLE_TIMEOUT, Site, in_site, nodes};
use throng_tests::wait::wait_for;

/// Every node of three is waited for, one after the other, until the hub has it again.
const WITHIN: Duration = Duration::from_secs(120);

/// What tells a node's life apart: its container, or the process of one that has none.
fn lives(ps: &Value) -> BTreeMap<String, String> {
    let life =
        |node: &Value| Some((node["node"].as_str()?.to_owned(), format!("{}{}", node["container_id"], node["pid"])));
    nodes(ps).iter().filter_map(life).collect()
}

/// What a node keeps over every change.
fn places(ps: &Value) -> BTreeMap<String, String> {
    let place = |node: &Value| Some((node["node"].as_str()?.to_owned(), format!("{} {}", node["host"], node["ports"])));
    nodes(ps).iter().filter_map(place).collect()
}

/// Lets a command run to its end, and counts how many workers were down at once meanwhile, at most.
fn most_down(site: &Site, command: Running) -> (usize, Finished) {
    let mut most = 0;
    while command.is_running() {
        let ps = site.ps();
        let is_down = |node: &&Value| {
            node["node"].as_str().is_some_and(|name| name.starts_with("worker")) && node["phase"] != "ready"
        };
        most = most.max(nodes(&ps).iter().filter(is_down).count());
    }
    (most, command.end(WITHIN))
}

#[test]
fn a_reset_wipes_what_nodes_wrote_and_keeps_the_cluster_with_its_names_and_ports() {
    in_site(|site| {
        let cluster = site.up();
        let before = site.wait_for_count("worker", 3);
        let _ = site.throng(&["exec", "worker", "--", "sh", "-c", "echo kept >/data/mine"]).expect_code(0);
        let _ = site.throng(&["exec", "hub", "--", "sh", "-c", "echo kept >mine"]).expect_code(0);
        let _ = site.throng(&["reset"]).expect_code(2).expect_said(&["3 worker", "--yes"]);
        let _ = site.throng(&["reset", "--yes"]).expect_code(0).expect_said(&["wipe", "up hub", "up worker"]);
        assert_eq!(site.cluster(), cluster);
        let after = site.wait_for_count("worker", 3);
        assert_eq!(places(&after), places(&before));
        let (old, new) = (lives(&before), lives(&after));
        assert!(old.iter().all(|(node, life)| new[node] != *life), "{old:?} {new:?}");
        let _ =
            site.throng(&["exec", "all", "--", "sh", "-c", "test ! -e /data/mine && test ! -e mine"]).expect_code(0);
        site.down();
    });
}

#[test]
fn a_cluster_that_is_taken_down_while_it_is_reset_goes_and_does_not_come_again() {
    in_site(|site| {
        let scenario = site.tiny();
        // They do not heed the signal: there is time to come in between.
        let overlay = site.file("slow.toml", "[role.worker]\nstop = { signal = \"HUP\", grace = \"2s\" }\n");
        let _ = site.throng(&["up", &scenario, "--overlay", &overlay]).expect_code(0);
        let cluster = site.cluster();
        let reset = site.start("throng", &["reset", "--yes"]);
        wait_for("it is being reset", SETTLE_TIMEOUT, || {
            let status = site.throng(&["status", "--format", "json"]).expect_code(0).json();
            if status["clusters"][0]["state"] == "resetting" { Ok(()) } else { Err(format!("{status:#}")) }
        });
        let _ = site.throng(&["down", "--yes"]).expect_code(0).expect_said(&["nothing left behind"]);
        let _ = reset.end(WITHIN).expect_code(130);
        let status = site.throng(&["status", "--format", "json"]).expect_code(0).json();
        assert_eq!(status["clusters"].as_array().map(Vec::len), Some(0), "{status:#}");
        assert_eq!(engine::containers(&format!("throng-{cluster}-")), []);
    });
}

#[test]
fn a_restart_touches_what_it_names_and_a_rolling_one_never_more_at_once_than_it_may() {
    in_site(|site| {
        let _ = site.up();
        let before = site.wait_for_count("worker", 3);
        let _ = site.throng(&["restart", "worker-0001"]).expect_code(0);
        let after = site.wait_for_count("worker", 3);
        let (old, new) = (lives(&before), lives(&after));
        let changed: Vec<&String> = old.keys().filter(|node| old[*node] != new[*node]).collect();
        assert_eq!(changed, ["worker-0001"]);
        assert_eq!(places(&after), places(&before));

        let (most, done) = most_down(site, site.start("throng", &["restart", "worker", "--rolling"]));
        let _ = done.expect_code(0).expect_said(&["restart worker", "3 of 3"]);
        assert_eq!(most, 1);
        let last = lives(&site.wait_for_count("worker", 3));
        assert!(["worker-0000", "worker-0001", "worker-0002"].iter().all(|node| last[*node] != new[*node]));
        assert_eq!(last["hub-0000"], old["hub-0000"]);
        let refused = site.throng(&["restart", "worker", "--rolling", "--max-failed", "1"]).expect_code(2);
        let _ = refused.expect_said(&["--max-failed 1 leaves no room"]);
        site.down();
    });
}

#[test]
fn a_changed_scenario_is_followed_node_by_node_and_by_no_node_that_it_does_not_change() {
    in_site(|site| {
        let cluster = site.up();
        let scenario = site.tiny();
        let before = lives(&site.wait_for_count("worker", 3));
        let overlay = site.file("blue.toml", "[role.worker]\nenv = { COLOUR = \"blue\" }\n");
        let into = ["up", &scenario, "--overlay", &overlay, "--into", &cluster];

        let dry = site.throng(&[&into[..], &["--dry-run"]].concat()).expect_code(0);
        let dry = dry.expect_said(&["worker", "3 nodes restarted (worker-[0000-0002])", "env.COLOUR", "(none) → blue"]);
        assert!(dry.stdout.lines().any(|line| line.starts_with("hub") && line.contains("1 node untouched")), "{dry}");
        assert_eq!(lives(&site.ps()), before, "a dry run does nothing");

        let (most, done) = most_down(site, site.start("throng", &into));
        let _ = done.expect_code(0).expect_said(&["update worker", "3 of 3"]);
        assert_eq!(most, 1);
        let after = lives(&site.wait_for_count("worker", 3));
        assert_eq!(after["hub-0000"], before["hub-0000"]);
        let colour = site.throng(&["exec", "worker", "--", "sh", "-c", "echo $COLOUR"]).expect_code(0);
        let _ = colour.expect_said(&["blue"]);

        // The same again changes nothing.
        let again = site.throng_within(WITHIN, &into).expect_code(0);
        let _ = again.expect_said(&["3 nodes untouched"]);
        assert_eq!(lives(&site.ps()), after);
        // Counts are for `scale`.
        let more = site.throng(&[&into[..], &["--set", "param.workers=5"]].concat()).expect_code(2);
        let _ = more.expect_said(&["role worker has 3 nodes, the file says 5", "throng scale worker=5"]);
        site.down();
    });
}

/// Another image of the same, with a file that tells it apart.
const OTHER_IMAGE: &str = "#!/bin/sh
./root-file-system \"$1\" busybox && echo two >version && tar -rf \"$1\" version
";

#[test]
fn a_roles_image_is_replaced_node_by_node_while_the_others_run_on() {
    in_site(|site| {
        let cluster = site.up();
        let scenario = site.tiny();
        let before = lives(&site.wait_for_count("worker", 3));
        site.file("other.sh", OTHER_IMAGE);
        std::fs::set_permissions(site.folder().join("other.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let overlay = site.file("two.toml", "[role.worker.image]\nbuild = \"other.sh\"\n");
        let into = ["up", &scenario, "--overlay", &overlay, "--into", &cluster];
        let dry = site.throng(&[&into[..], &["--dry-run"]].concat()).expect_code(0);
        let _ = dry.expect_said(&["3 nodes restarted", "image"]);
        let (most, done) = most_down(site, site.start("throng", &into));
        let _ = done.expect_code(0).expect_said(&["update worker", "3 of 3"]);
        assert_eq!(most, 1);
        let after = lives(&site.wait_for_count("worker", 3));
        assert_eq!(after["hub-0000"], before["hub-0000"]);
        let version = site.throng(&["exec", "worker", "--", "cat", "/version"]).expect_code(0);
        let _ = version.expect_said(&["worker-[0000-0002] (3)", "two"]);
        site.down();
    });
}

#[test]
fn a_change_goes_on_past_failures_within_its_budget_and_not_beyond() {
    in_site(|site| {
        let cluster = site.up();
        let scenario = site.tiny();
        let before = lives(&site.wait_for_count("worker", 3));
        let broken = |nodes: &str| {
            let command = format!("case {nodes} in *{{node.name}}*) exit 7;; esac; exec sh /srv/worker");
            let role = format!("[role.worker]\ncommand = [\"sh\", \"-c\", \"{command}\"]\n");
            site.file("broken.toml", &format!("{role}restart = {{ max = 0, backoff = \"100ms\" }}\n"))
        };
        let into = |overlay: &str| {
            let words =
                ["up", &scenario, "--overlay", overlay, "--into", &cluster, "--max-down", "2", "--max-failed", "1"];
            site.throng_within(WITHIN, &words)
        };
        // One fails, and one may.
        let _ = into(&broken("worker-0000")).expect_said(&["2 of 3, 1 failed", "worker-0000"]);
        let now = lives(&site.ps());
        assert!(["worker-0001", "worker-0002"].iter().all(|node| now[*node] != before[*node]), "{before:?} {now:?}");
        assert_eq!(site.node("worker-0000")["phase"], "failed");
        let _ = site.throng_within(WITHIN, &["up", &scenario, "--into", &cluster]).expect_code(0);
        let before = lives(&site.wait_for_count("worker", 3));

        // Two fail: the third is not touched any more.
        let stopped = into(&broken("worker-0000,worker-0001")).expect_code(6);
        let _ = stopped.expect_said(&["2 changed nodes are not up again, 1 may fail", "1 as before: worker-0002"]);
        assert_eq!(lives(&site.ps())["worker-0002"], before["worker-0002"]);
        let _ = site.throng_within(WITHIN, &["up", &scenario, "--into", &cluster]).expect_code(0);
        site.wait_for_count("worker", 3);
        site.down();
    });
}

#[test]
fn a_change_that_breaks_nodes_stops_at_its_budget_and_can_be_taken_back() {
    in_site(|site| {
        let cluster = site.up();
        let scenario = site.tiny();
        let before = lives(&site.wait_for_count("worker", 3));
        let overlay = site.file(
            "broken.toml",
            "[role.worker]\ncommand = [\"sh\", \"-c\", \"echo no such option; exit 7\"]\n\
             restart = { max = 0, backoff = \"100ms\" }\n",
        );
        let into = ["up", &scenario, "--overlay", &overlay, "--into", &cluster];
        let stopped = site.throng_within(WITHIN, &into).expect_code(6);
        let stopped =
            stopped.expect_said(&["1 changed node is not up again, 0 may fail", "exit code 7", "no such option"]);
        let _ = stopped.expect_said(&["2 as before: worker-[0001-0002]", "goes back"]);
        let now = lives(&site.ps());
        assert!(["hub-0000", "worker-0001", "worker-0002"].iter().all(|node| now[*node] == before[*node]));
        assert_eq!(site.ps()["state"], "updating");
        let _ = site.throng(&["scale", "worker=4"]).expect_code(2).expect_said(&["half done"]);

        let back = site.throng_within(WITHIN, &["up", &scenario, "--into", &cluster]).expect_code(0);
        let _ = back.expect_said(&["1 of 1"]);
        let after = site.wait_for_count("worker", 3);
        assert_eq!(after["state"], "up");
        let lives = lives(&after);
        assert!(["hub-0000", "worker-0001", "worker-0002"].iter().all(|node| lives[*node] == before[*node]));
        site.down();
    });
}

#[test]
fn what_is_taken_down_is_what_was_brought_up_whatever_became_of_the_file() {
    in_site(|site| {
        let cluster = site.up();
        let scenario = site.tiny();
        let text = std::fs::read_to_string(&scenario).unwrap();
        let other = text.replace("[role.worker]", "[role.other]").replace("role.worker", "role.other");
        std::fs::write(&scenario, other.replace("ramdisk", "scratch")).unwrap();
        let _ = site.throng(&["ps"]).expect_code(0).expect_said(&["worker"]);
        std::fs::remove_file(&scenario).unwrap();
        let down = site.throng(&["down", &cluster, "--yes"]).expect_code(0);
        let _ = down.expect_said(&["3 worker", "nothing left behind"]);
    });
}
