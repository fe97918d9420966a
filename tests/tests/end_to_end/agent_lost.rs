//! The agent dies: its nodes live on, and its successor adopts them.

use std::collections::BTreeMap;

use serde_json::Value;
use throng_tests::host::{self, is_alive, kill_now};
use throng_tests::site::{SETTLE_TIMEOUT, Site, in_site, nodes};
use throng_tests::wait::wait_for;

#[test]
fn a_killed_agents_nodes_live_on_and_are_adopted_without_a_restart() {
    in_site(|site| {
        let _ = site.up();
        let before = pids(&site.wait_for_count("worker", 3));
        assert_eq!(before.len(), 4);
        let agent = agent(site);
        kill_now(agent);
        wait_for("the agent ends", SETTLE_TIMEOUT, || if is_alive(agent) { Err(agent) } else { Ok(()) });
        wait_for("the coordinator notices", SETTLE_TIMEOUT, || {
            let hosts = site.throng(&["hosts", "--format", "json"]).expect_code(0).json();
            if hosts[0]["connected"] == false { Ok(()) } else { Err(format!("{hosts:#}")) }
        });
        assert!(before.values().all(|pid| is_alive(*pid)), "{before:?}");

        // No token: its identity is in its state directory.
        let coordinator = site.throng(&["status", "--format", "json"]).expect_code(0).json()["coordinator"].clone();
        let text = |key: &str| coordinator[key].as_str().unwrap().to_owned();
        let (address, pin) = (text("address"), text("ca_pin"));
        let address = address.trim_start_matches("https://");
        let start = ["start", "--coordinator", address, "--ca-pin", &pin, "--host", "local"];
        let _ = site.agent(&start).expect_code(0);
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
        kill_now(agent(site));
        let _ = site.throng(&["stop"]).expect_code(0);
        site.expect_no_daemons();
    });
}

/// The agent itself, not its shims.
fn agent(site: &Site) -> i32 {
    let own = host::processes(site.mark()).into_iter().filter(|process| {
        let word = |at: usize| process.arguments.get(at).map(String::as_str).unwrap_or_default();
        word(0).ends_with("throng-agent") && !matches!(word(1), "shim" | "launch")
    });
    let found: Vec<_> = own.collect();
    let [agent] = &found[..] else { panic!("one agent runs: {found:?}") };
    agent.pid
}

fn pids(ps: &Value) -> BTreeMap<String, i32> {
    let pid = |node: &Value| Some((node["node"].as_str()?.to_owned(), i32::try_from(node["pid"].as_i64()?).ok()?));
    nodes(ps).iter().filter_map(pid).collect()
}
