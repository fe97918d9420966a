//! The two daemons of a site: found, killed, started, armed.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use throng_failpoints::Point;

use crate::finished::Running;
use crate::host;
use crate::site::Site;
use crate::wait::wait_for;

/// What arms a killable program.
const ARMS: &str = "FAILPOINTS";
/// How long a daemon may take to begin or to end.
const DAEMON_TIMEOUT: Duration = Duration::from_secs(30);

/// One of the two daemons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Daemon {
    /// `throng-agent run`.
    Agent,
    /// `throng serve`.
    Coordinator,
}

impl Daemon {
    /// Whose point it is, by its name.
    pub(crate) fn of(point: Point) -> Self {
        if point.name().starts_with("agent.") { Self::Agent } else { Self::Coordinator }
    }
}

/// Where the coordinator is found: kept from when it ran.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    address: String,
    ca_pin: String,
}

impl Address {
    /// Asks the coordinator, which must run.
    pub(crate) fn ask(site: &Site) -> Self {
        let status = status(site).expect("the coordinator runs");
        let text = |key: &str| status["coordinator"][key].as_str().unwrap_or_default().to_owned();
        Self { address: text("address").trim_start_matches("https://").to_owned(), ca_pin: text("ca_pin") }
    }
}

impl Address {
    /// Where the coordinator listens.
    pub(crate) fn socket(&self) -> SocketAddr {
        self.address.parse().expect("the coordinator names an address and a port")
    }

    /// The same coordinator behind another address.
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        Self { address: address.to_string(), ca_pin: self.ca_pin.clone() }
    }
}

/// `throng status`; none where no coordinator answers.
pub(crate) fn status(site: &Site) -> Option<Value> {
    let finished = site.throng(&["status", "--format", "json"]);
    (finished.code == Some(0)).then(|| finished.json())
}

/// The process of a daemon; none where it does not run.
pub(crate) fn pid(site: &Site, daemon: Daemon) -> Option<i32> {
    let found = host::processes(site.mark()).into_iter().find(|process| {
        let word = |at: usize| process.arguments.get(at).map(String::as_str).unwrap_or_default();
        match daemon {
            Daemon::Agent => word(0).ends_with("throng-agent") && word(1) == "run",
            Daemon::Coordinator => process.arguments.iter().any(|word| word == "serve"),
        }
    });
    found.map(|process| process.pid).filter(|pid| host::is_alive(*pid))
}

/// Whether a daemon runs and was started with these arms.
pub(crate) fn is_armed(site: &Site, daemon: Daemon, arms: &str) -> bool {
    let Some(pid) = pid(site, daemon) else { return false };
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let armed =
        environment.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(format!("{ARMS}=").as_bytes()));
    armed.unwrap_or_default() == arms.as_bytes()
}

/// Kills a daemon and waits until it is gone, and none is in its place.
pub(crate) fn kill(site: &Site, daemon: Daemon) {
    wait_for("a killed daemon is gone", DAEMON_TIMEOUT, || match pid(site, daemon) {
        Some(pid) => {
            host::kill_now(pid);
            Err(pid)
        }
        None => Ok(()),
    });
}

/// A daemon on its way.
#[derive(Debug)]
pub(crate) enum Starting {
    /// `throng-agent start`, which ends when the agent is connected.
    Agent(Running),
    /// `throng serve`, which is the coordinator.
    Coordinator(std::process::Child),
}

/// Begins to start a daemon; `arms` are for it alone.
pub(crate) fn start(site: &Site, daemon: Daemon, at: &Address, arms: Option<&str>) -> Starting {
    match daemon {
        Daemon::Agent => {
            let words = ["start", "--coordinator", &at.address, "--ca-pin", &at.ca_pin, "--host", "local"];
            let mut command = site.command("throng-agent", &words);
            command.env(ARMS, arms.unwrap_or_default());
            Starting::Agent(Running::start(&mut command, format!("throng-agent {}", words.join(" "))))
        }
        Daemon::Coordinator => {
            let mut command = site.command("throng", &["serve", "--detached"]);
            let log = site.state_dir().join("coordinator.log");
            let log = File::options().create(true).append(true).open(log).expect("the state directory is there");
            let also = log.try_clone().expect("a descriptor can be copied");
            command.env(ARMS, arms.unwrap_or_default()).stdin(Stdio::null()).stdout(log).stderr(also);
            Starting::Coordinator(command.spawn().expect("throng can be started"))
        }
    }
}

impl Starting {
    /// Waits until the daemon is of use; an error with what it said where it is not.
    pub(crate) fn wait(self, site: &Site) -> Result<(), String> {
        match self {
            Self::Agent(start) => {
                let finished = start.end(DAEMON_TIMEOUT * 2);
                if finished.code == Some(0) { Ok(()) } else { Err(finished.to_string()) }
            }
            Self::Coordinator(mut child) => {
                let deadline = std::time::Instant::now() + DAEMON_TIMEOUT;
                loop {
                    if status(site).is_some() {
                        // It ends some day: who reaps it then matters to nobody.
                        return Ok(());
                    }
                    if let Ok(Some(status)) = child.try_wait() {
                        return Err(format!("the coordinator ended with {status}"));
                    }
                    if std::time::Instant::now() > deadline {
                        return Err("the coordinator does not answer".to_owned());
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }

    /// Waits until it is dead: it is armed to die at its beginning. Whoever starts it is not waited for longer.
    pub(crate) fn abandon_once(self, mut is_dead: impl FnMut() -> bool) {
        let deadline = std::time::Instant::now() + DAEMON_TIMEOUT;
        while !is_dead() && std::time::Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        match self {
            Self::Agent(start) => drop(start.end(DAEMON_TIMEOUT * 3)),
            Self::Coordinator(mut child) => drop(child.try_wait()),
        }
    }
}

/// How often a daemon came by an armed point so far, by the daemons' logs: it died there, or said so.
pub(crate) fn comings(site: &Site, point: Point) -> usize {
    let log = match Daemon::of(point) {
        Daemon::Agent => site.agent_state_dir().join("agent.log"),
        Daemon::Coordinator => site.state_dir().join("coordinator.log"),
    };
    let line = format!("failpoint {}: ", point.name());
    let text = fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().filter(|known| known.contains(&line)).count()
}
