//! The agent dies: its nodes live on, and its successor adopts them.

use std::fs;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use throng_tests::agent;
use throng_tests::draws::draws;
use throng_tests::host::{is_alive, kill_now};
use throng_tests::site::{COMMAND_TIMEOUT, SETTLE_TIMEOUT, in_site, nodes, pids};
use throng_tests::wait::{patiently, wait_for};

#[test]
fn a_killed_agents_nodes_live_on_and_are_adopted_without_a_restart() {
    in_site(|site| {
        let _ = site.up();
        let before = pids(&site.wait_for_count("worker", 3));
        assert_eq!(before.len(), 4);
        agent::lose(site);
        assert!(before.values().all(|pid| is_alive(*pid)), "{before:?}");
        // What is shown of them now is of the past, and said to be.
        let _ = site.throng(&["ps"]).expect_code(0).expect_said(&["host local is not connected", "as last heard of"]);
        agent::start(site);
        let ps = site.wait_for_count("worker", 3);
        assert_eq!(pids(&ps), before);
        assert!(nodes(&ps).iter().all(|node| node["restarts"] == 0), "{ps:#}");
        site.down();
    });
}

#[test]
fn followed_logs_go_on_after_an_agents_death_without_a_gap_and_without_a_double() {
    in_site(|site| {
        let _ = site.up();
        let pids = pids(&site.wait_for_count("worker", 3));
        // One node says nothing before the death.
        let (whole, late) = (["hub-0000", "worker-0000"], ["hub-0000", "worker-0000", "worker-0001"]);
        let write = |nodes: &[&str], mark: u32| {
            for node in nodes {
                let line = format!("{node} mark-{mark}.\n");
                fs::write(format!("/proc/{}/fd/1", pids[*node]), line).unwrap();
            }
        };
        let follow = site.start("throng", &["logs", "all", "--follow", "--tail", "0", "--grep", "mark-[0-9]+\\."]);
        let shown = |nodes: &[&str], mark: u32, again: &dyn Fn()| {
            for node in nodes {
                wait_for(&format!("mark {mark} of {node} is shown"), SETTLE_TIMEOUT, || {
                    again();
                    let all = follow.stdout();
                    if all.contains(&format!("{node} mark-{mark}.")) { Ok(()) } else { Err(all) }
                });
            }
        };
        // Nobody says when the following has begun.
        shown(&whole, 0, &|| write(&whole, 0));
        write(&whole, 1);
        shown(&whole, 1, &|| {});
        agent::lose(site);
        write(&late, 2);
        agent::start(site);
        shown(&late, 2, &|| {});
        write(&late, 3);
        shown(&late, 3, &|| {});
        follow.terminate();
        let ended = follow.end(COMMAND_TIMEOUT);
        for (nodes, marks) in [(&whole[..], 1..=1), (&late[..], 2..=3)] {
            for line in marks.flat_map(|mark| nodes.iter().map(move |node| format!("{node} mark-{mark}."))) {
                assert_eq!(ended.stdout.matches(&line).count(), 1, "{line} in {ended}");
            }
        }
        site.down();
    });
}

#[test]
fn stopping_after_an_agent_was_lost_leaves_no_daemon() {
    in_site(|site| {
        let _ = site.up();
        site.down();
        kill_now(agent::pid(site));
        let _ = site.throng(&["stop"]).expect_code(0);
        site.expect_no_daemons();
    });
}

/// For how long an agent dies again and again, and the workers beside it, unless `THRONG_TEST_DYING_SECONDS` says how
/// long: then a hundred.
const DYING: (Duration, u64) = (Duration::from_secs(15), 6);
/// Within this all is well again after its last start.
const WELL_WITHIN: Duration = Duration::from_secs(5);

fn dying() -> (Duration, u64) {
    let seconds = std::env::var("THRONG_TEST_DYING_SECONDS");
    seconds.map_or(DYING, |text| (Duration::from_secs(text.parse().expect("seconds are a whole number")), 100))
}

#[test]
fn an_agent_that_dies_again_and_again_costs_no_node_and_all_is_well_soon_after_its_last_start() {
    in_site(|site| {
        let (seconds, workers) = dying();
        let _ = site.up();
        let before = pids(&site.wait_for_count("worker", 3));
        // They come while it dies.
        let scale = site.start("throng", &["scale", &format!("worker={workers}")]);
        let (until, mut draws) = (Instant::now() + seconds, draws());
        while Instant::now() < until {
            std::thread::sleep(Duration::from_millis(draws.random_range(500..if workers > 10 { 7000 } else { 2000 })));
            agent::lose(site);
            agent::start(site);
        }
        let _ = scale.end(SETTLE_TIMEOUT * 4).expect_code(0);
        let all = pids(&site.wait_for_count("worker", workers));
        assert!(before.iter().all(|(node, pid)| all.get(node) == Some(pid)), "{before:#?} {all:#?}");
        agent::lose(site);
        agent::start(site);
        let begun = Instant::now();
        let well = pids(&site.wait_for_count("worker", workers));
        assert!(begun.elapsed() < patiently(WELL_WITHIN), "well after {:?}", begun.elapsed());
        assert_eq!(well, all, "nobody was started again");
        site.down();
    });
}
