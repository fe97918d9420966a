//! The agent of a site, lost and started again.

use crate::host::{self, is_alive, kill_now};
use crate::site::{SETTLE_TIMEOUT, Site};
use crate::wait::wait_for;

/// The process of the agent itself, not of its shims.
pub fn pid(site: &Site) -> i32 {
    let own = host::processes(site.mark()).into_iter().filter(|process| {
        let word = |at: usize| process.arguments.get(at).map(String::as_str).unwrap_or_default();
        word(0).ends_with("throng-agent") && !matches!(word(1), "shim" | "launch")
    });
    let found: Vec<_> = own.collect();
    let [agent] = &found[..] else { panic!("one agent runs: {found:?}") };
    agent.pid
}

/// Kills the agent, and waits until the coordinator has noticed.
pub fn lose(site: &Site) {
    let agent = pid(site);
    kill_now(agent);
    wait_for("the agent ends", SETTLE_TIMEOUT, || if is_alive(agent) { Err(agent) } else { Ok(()) });
    wait_for("the coordinator notices", SETTLE_TIMEOUT, || {
        let hosts = site.throng(&["hosts", "--format", "json"]).expect_code(0).json();
        if hosts[0]["connected"] == false { Ok(()) } else { Err(format!("{hosts:#}")) }
    });
}

/// Starts an agent in the place of one that was lost. No token: its identity is in its state directory.
pub fn start(site: &Site) {
    let coordinator = site.throng(&["status", "--format", "json"]).expect_code(0).json()["coordinator"].clone();
    let text = |key: &str| coordinator[key].as_str().expect("`status` names the coordinator").to_owned();
    let (address, pin) = (text("address"), text("ca_pin"));
    let address = address.trim_start_matches("https://");
    let start = ["start", "--coordinator", address, "--ca-pin", &pin, "--host", "local"];
    let _ = site.agent(&start).expect_code(0);
}
