//! What killable builds have: points that end the process as SIGKILL does, faults that are planted.

use std::io::Write as _;
use std::time::Duration;

use fail::{FailScenario, fail_point};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{Fault, Point};

/// The word of the action: `return(kill)`, or `return(kill 1500)` for 1500 µs later.
const KILL: &str = "kill";

/// Reads `FAILPOINTS`. Call it once, first of all in `main`.
///
/// `agent.node-recorded=2*off->return(kill)` kills at the third time; `return(kill 1500)` lets the process go on for
/// 1500 µs; `agent.skip-unmount=return` plants a fault. Several are separated by `;`.
pub fn arm() {
    // It disarms all when it is dropped: it lives as long as the process.
    std::mem::forget(FailScenario::setup());
}

/// Kills the process here, if the point is armed.
pub fn hit(point: Point) {
    fail_point!(point.name(), |action| kill_by(point, action.as_deref()));
}

/// Awaits the future; if the point is armed, the process dies before its answer is seen.
pub async fn during<F: Future>(point: Point, future: F) -> F::Output {
    let armed = || -> bool {
        fail_point!(point.name(), |action| {
            if let Some(after) = delay(action.as_deref()) {
                kill_later(point, after);
            }
            true
        });
        false
    };
    let armed = armed();
    let answer = future.await;
    if armed {
        die(point);
    }
    answer
}

/// Whether this fault is planted.
pub fn planted(fault: Fault) -> bool {
    fail_point!(fault.name(), |_| true);
    false
}

fn kill_by(point: Point, action: Option<&str>) {
    match delay(action) {
        Some(after) if !after.is_zero() => kill_later(point, after),
        Some(_) => die(point),
        None => {}
    }
}

/// How long after the point the process dies; none where the action is no kill.
fn delay(action: Option<&str>) -> Option<Duration> {
    let mut words = action?.split(' ');
    let micros = |word: Option<&str>| word.map_or(Some(0), |word| word.parse().ok());
    (words.next()? == KILL).then(|| micros(words.next()))?.map(Duration::from_micros)
}

fn kill_later(point: Point, after: Duration) {
    std::thread::spawn(move || {
        std::thread::sleep(after);
        die(point);
    });
}

/// Leaves one line for whoever armed the point, and ends as a process that was killed from outside.
fn die(point: Point) -> ! {
    // The kernel has the line before the process is gone: nothing is buffered.
    let _ = std::io::stderr().write_all(format!("failpoint {}: killed\n", point.name()).as_bytes());
    let _ = kill(Pid::this(), Signal::SIGKILL);
    loop {
        std::thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_kill_kills_at_once_or_after_its_time() {
        assert_eq!(delay(Some("kill")), Some(Duration::ZERO));
        assert_eq!(delay(Some("kill 1500")), Some(Duration::from_micros(1500)));
        for none in [None, Some("plant"), Some("kill soon"), Some("")] {
            assert_eq!(delay(none), None, "{none:?}");
        }
    }
}
