//! The coordinator of a site, killed and started again.

use std::fs;

use crate::finished::Running;
use crate::host::{is_alive, kill_now};
use crate::site::{SETTLE_TIMEOUT, Site};
use crate::wait::wait_for;

/// Kills it; returns when it is gone.
pub fn kill(site: &Site) {
    let lock = fs::read_to_string(site.state_dir().join("lock")).expect("a coordinator runs");
    let pid = lock.trim().parse().expect("the lock holds its process id");
    kill_now(pid);
    wait_for("the coordinator ends", SETTLE_TIMEOUT, || if is_alive(pid) { Err(pid) } else { Ok(()) });
}

/// Starts it, in the foreground of a process of its own.
pub fn start(site: &Site) -> Running {
    let running = site.start("throng", &["serve"]);
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
