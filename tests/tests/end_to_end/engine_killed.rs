//! The engine is killed, and started again: with live-restore nothing happens, without it what happened is said.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use throng_tests::host::is_alive;
use throng_tests::site::{SETTLE_TIMEOUT, Site, in_site_with_engine, nodes};
use throng_tests::wait::wait_for;

/// Deaths of the engine in a row, unless `THRONG_TEST_DEATHS` says how many.
const DEATHS: usize = 3;

fn deaths() -> usize {
    std::env::var("THRONG_TEST_DEATHS").map_or(DEATHS, |text| text.parse().expect("THRONG_TEST_DEATHS is a number"))
}

fn pids(ps: &Value) -> BTreeMap<String, (i64, Value)> {
    let of =
        |node: &Value| Some((node["node"].as_str()?.to_owned(), (node["pid"].as_i64()?, node["restarts"].clone())));
    nodes(ps).iter().filter_map(of).collect()
}

fn problems(site: &Site) -> String {
    let hosts = site.throng(&["hosts", "--format", "json"]).expect_code(0).json();
    hosts[0]["problems"].to_string()
}

/// What the journal says of nodes that ended, failed, or were not known to be well.
fn ends(site: &Site) -> String {
    let events = site.throng(&["events"]).expect_code(0).stdout;
    let bad = ["node-ended", "node-failed", "node-unready", "node-unknown"];
    events.lines().filter(|line| bad.iter().any(|kind| line.contains(kind))).collect::<Vec<_>>().join("\n")
}

#[test]
fn with_live_restore_nodes_outlive_the_engine_and_nobody_takes_them_for_failed() {
    in_site_with_engine(true, |site, engine| {
        let _ = site.up();
        let before = pids(&site.wait_for_count("worker", 3));
        for _ in 0..deaths() {
            engine.kill();
            wait_for("it is said that the engine is away", SETTLE_TIMEOUT, || match problems(site) {
                said if said.contains("away") => Ok(()),
                said => Err(said),
            });
            assert_eq!(pids(&site.wait_for_count("worker", 3)), before, "the kernel is believed");
            engine.start_again();
            wait_for("it is said no more", SETTLE_TIMEOUT, || match problems(site) {
                said if said == "[]" => Ok(()),
                said => Err(said),
            });
            assert_eq!(pids(&site.wait_for_count("worker", 3)), before);
        }
        assert_eq!(ends(site), "", "no false failures");
        site.down();
    });
}

#[test]
fn without_live_restore_nodes_end_with_the_engine_and_that_is_what_is_said() {
    in_site_with_engine(false, |site, engine| {
        let _ = site.up();
        let before = pids(&site.wait_for_count("worker", 3));
        engine.kill();
        engine.start_again();
        let now = wait_for("all are back", SETTLE_TIMEOUT * 2, || {
            let now = pids(&site.ps());
            let back = now.iter().filter(|(name, (pid, _))| name.starts_with("worker-") && before[*name].0 != *pid);
            if back.count() == 3 { Ok(now) } else { Err(format!("{now:?}")) }
        });
        site.wait_for_count("worker", 3);
        assert_eq!(now["hub-0000"], before["hub-0000"], "a process needs no engine");
        let said = ends(site);
        for worker in ["worker-0000", "worker-0001", "worker-0002"] {
            let line = said.lines().find(|line| line.contains(worker)).unwrap_or_else(|| panic!("{worker}: {said}"));
            assert!(line.contains("has no live-restore"), "{line}");
        }
        site.down();
    });
}

#[test]
fn an_engine_that_is_stopped_in_its_tracks_is_hung_until_it_goes_on() {
    in_site_with_engine(true, |site, engine| {
        let _ = site.up();
        let before = pids(&site.wait_for_count("worker", 3));
        kill(Pid::from_raw(engine.pid()), Signal::SIGSTOP).unwrap();
        wait_for("it is said that the engine is hung", Duration::from_secs(17), || match problems(site) {
            said if said.contains("hung") => Ok(()),
            said => Err(said),
        });
        assert_eq!(pids(&site.wait_for_count("worker", 3)), before);
        assert!(before.values().all(|(pid, _)| is_alive(i32::try_from(*pid).unwrap())));
        kill(Pid::from_raw(engine.pid()), Signal::SIGCONT).unwrap();
        wait_for("it is said no more", SETTLE_TIMEOUT, || match problems(site) {
            said if said == "[]" => Ok(()),
            said => Err(said),
        });
        assert_eq!(pids(&site.wait_for_count("worker", 3)), before);
        assert_eq!(ends(site), "");
        site.down();
    });
}
