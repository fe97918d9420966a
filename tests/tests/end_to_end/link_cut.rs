//! There is one way from coordinator to agent, also on one machine: the connection that the agent dialled. While it is
//! cut, commands wait and nodes live on; the agent dials again, and all goes on.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use throng_tests::agent;
use throng_tests::finished::Running;
use throng_tests::host::is_alive;
use throng_tests::link::Link;
use throng_tests::site::{COMMAND_TIMEOUT, SETTLE_TIMEOUT, Site, in_site, nodes, pids};
use throng_tests::wait::wait_for;

/// How long a command that ought to wait is watched.
const WATCHED: Duration = Duration::from_secs(2);

/// Has the site's agent dial through a link.
fn through_a_link(site: &Site) -> Link {
    let link = Link::open(agent::coordinator(site));
    agent::lose(site);
    agent::start_at(site, link.address());
    connected(site, true);
    link
}

fn connected(site: &Site, is_so: bool) {
    wait_for(&format!("connected is {is_so}"), SETTLE_TIMEOUT, || {
        let hosts = site.throng(&["hosts", "--format", "json"]).expect_code(0).json();
        if hosts[0]["connected"] == is_so { Ok(()) } else { Err(format!("{hosts:#}")) }
    });
}

/// Every node of `before` is among `after` with the process that it had, and was never restarted.
fn assert_kept(before: &BTreeMap<String, i32>, after: &Value) {
    let pids = pids(after);
    assert!(before.iter().all(|(node, pid)| pids.get(node) == Some(pid)), "{before:?}\n{after:#}");
    assert!(nodes(after).iter().all(|node| node["restarts"] == 0), "{after:#}");
}

fn assert_still_waiting(commands: &[&Running]) {
    thread::sleep(WATCHED);
    for command in commands {
        assert!(command.is_running(), "it did not wait: {}{}", command.stdout(), command.stderr());
    }
}

#[test]
fn with_the_link_cut_commands_wait_and_nodes_live_on_until_the_agent_is_back() {
    in_site(|site| {
        let _ = site.up();
        let link = through_a_link(site);
        let (agent, before) = (agent::pid(site), pids(&site.wait_for_count("worker", 3)));
        link.cut();
        connected(site, false);
        let scale = site.start("throng", &["scale", "worker=5"]);
        let exec = site.start("throng", &["exec", "worker-[0000-0002]", "--", "echo", "at your service"]);
        let logs = site.start("throng", &["logs", "worker-0000"]);
        assert_still_waiting(&[&scale, &exec, &logs]);
        assert!(before.values().all(|pid| is_alive(*pid)), "{before:?}");
        link.mend();
        let _ = exec.end(COMMAND_TIMEOUT).expect_code(0).expect_said(&["at your service"]);
        let _ = logs.end(COMMAND_TIMEOUT).expect_code(0).expect_said(&["worker-0000 begins"]);
        let _ = scale.end(COMMAND_TIMEOUT).expect_code(0);
        assert_kept(&before, &site.wait_for_count("worker", 5));
        assert_eq!(agent::pid(site), agent, "the agent is the same");
        site.down();
    });
}

#[test]
fn a_link_that_is_cut_while_a_command_works_takes_nothing_back_and_starts_nothing_twice() {
    for silently in [false, true] {
        in_site(|site| {
            let _ = site.up();
            let link = through_a_link(site);
            let before = pids(&site.wait_for_count("worker", 3));
            let scale = site.start("throng", &["scale", "worker=12"]);
            wait_for("the first of the new nodes is on its way", SETTLE_TIMEOUT, || {
                let ps = site.ps();
                if pids(&ps).len() > before.len() { Ok(()) } else { Err(format!("{ps:#}")) }
            });
            if silently {
                link.silence();
            } else {
                link.cut();
            }
            // A silent one is found dead by its pings.
            connected(site, false);
            assert_still_waiting(&[&scale]);
            link.mend();
            let _ = scale.end(COMMAND_TIMEOUT).expect_code(0);
            assert_kept(&before, &site.wait_for_count("worker", 12));
            site.down();
        });
    }
}
