//! The agent of a site, lost and started again.

use std::net::SocketAddr;

use crate::finished::Running;
use crate::host::{self, is_alive, kill_now};
use crate::site::{COMMAND_TIMEOUT, SETTLE_TIMEOUT, Site};
use crate::wait::wait_for;

/// The process of the agent itself, not of its shims. What it is just starting has its arguments for a moment.
pub fn pid(site: &Site) -> i32 {
    wait_for("one agent runs", SETTLE_TIMEOUT, || {
        let own = host::processes(site.mark()).into_iter().filter(|process| {
            let word = |at: usize| process.arguments.get(at).map(String::as_str).unwrap_or_default();
            word(0).ends_with("throng-agent") && !matches!(word(1), "shim" | "launch")
        });
        let found: Vec<_> = own.collect();
        if let [agent] = &found[..] { Ok(agent.pid) } else { Err(format!("{found:#?}")) }
    })
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
    start_with(site, coordinator(site), None);
}

/// The same, as if the machine had been booted in between.
pub fn start_in_another_boot(site: &Site) {
    let another = ("THRONG_TEST_BOOT_ID", "11111111-2222-3333-4444-555555555555");
    start_with(site, coordinator(site), Some(another));
}

/// The same, for an agent that dials its coordinator at another address than the coordinator's own.
pub fn start_at(site: &Site, coordinator: SocketAddr) {
    start_with(site, coordinator, None);
}

/// Where a site's coordinator listens.
pub fn coordinator(site: &Site) -> SocketAddr {
    let address = told(site, "address");
    address.trim_start_matches("https://").parse().expect("`status` names an address and a port")
}

/// What `throng status` says of its coordinator.
fn told(site: &Site, key: &str) -> String {
    let status = site.throng(&["status", "--format", "json"]).expect_code(0).json();
    status["coordinator"][key].as_str().expect("`status` names the coordinator").to_owned()
}

fn start_with(site: &Site, coordinator: SocketAddr, variable: Option<(&str, &str)>) {
    let (address, pin) = (coordinator.to_string(), told(site, "ca_pin"));
    let start = ["start", "--coordinator", &address, "--ca-pin", &pin, "--host", "local"];
    let mut command = site.command("throng-agent", &start);
    let line = format!("throng-agent {}", start.join(" "));
    let _ = Running::start(command.envs(variable), line).end(COMMAND_TIMEOUT).expect_code(0);
}
