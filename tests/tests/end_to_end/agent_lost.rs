//! The agent dies: its nodes live on, and its successor adopts them.

use throng_tests::agent;
use throng_tests::host::{is_alive, kill_now};
use throng_tests::site::{in_site, nodes, pids};

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
fn stopping_after_an_agent_was_lost_leaves_no_daemon() {
    in_site(|site| {
        let _ = site.up();
        site.down();
        kill_now(agent::pid(site));
        let _ = site.throng(&["stop"]).expect_code(0);
        site.expect_no_daemons();
    });
}
