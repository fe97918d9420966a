//! The coordinator of a site, killed and started again.

use std::fs::{self, File};

use crate::finished::Running;
use crate::host::{is_alive, kill_now};
use crate::site::{SETTLE_TIMEOUT, Site};
use crate::wait::wait_for;

/// Its process.
pub fn pid(site: &Site) -> i32 {
    let lock = fs::read_to_string(site.state_dir().join("lock")).expect("a coordinator runs");
    lock.trim().parse().expect("the lock holds its process id")
}

/// Kills it; returns when it is gone.
pub fn kill(site: &Site) {
    let pid = pid(site);
    kill_now(pid);
    wait_for("the coordinator ends", SETTLE_TIMEOUT, || if is_alive(pid) { Err(pid) } else { Ok(()) });
}

/// Starts it, in the foreground of a process of its own, with the log that it would have in the background.
pub fn start(site: &Site) -> Running {
    let log = site.state_dir().join("coordinator.log");
    let log = File::options().create(true).read(true).append(true).open(log).expect("the state directory is there");
    let running = Running::start_into(&mut site.command("throng", &["serve"]), "throng serve".to_owned(), log);
    wait_for("the coordinator answers", SETTLE_TIMEOUT, || {
        assert!(running.is_running(), "{} has ended: {}", running.line(), running.stderr());
        let status = site.throng(&["status", "--format", "json"]);
        if status.code == Some(0) {
            Ok(())
        } else {
            Err(format!("{status}--- the coordinator's\n{}", running.stderr()))
        }
    });
    running
}
