//! What killable builds have: points that end the process as SIGKILL does, faults that are planted.

use std::io::Write as _;
use std::time::Duration;

use fail::{FailScenario, fail_point};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{Fault, Point};

/// The words of the actions: `return(kill)`, `return(kill 1500)` for 1500 µs later, `return(tell)`, `return(panic)`.
const KILL: &str = "kill";
const TELL: &str = "tell";
const PANIC: &str = "panic";

/// Reads `FAILPOINTS`. Call it once, first of all in `main`.
///
/// `agent.node-recorded=2*off->return(kill)` kills at the third time; `return(kill 1500)` lets the process go on for
/// 1500 µs; `return(tell)` lets it go on, and says that it came by; `1*return(panic)` panics once;
/// `agent.skip-unmount=return` plants a fault. Several are separated by `;`.
pub fn arm() {
    // It disarms all when it is dropped: it lives as long as the process.
    std::mem::forget(FailScenario::setup());
}

/// Kills the process here, or says that it came by, if the point is armed.
pub fn hit(point: Point) {
    match armed(point) {
        Some(Deed::Kill(after)) if !after.is_zero() => kill_later(point, after),
        Some(Deed::Kill(_)) => die(point),
        Some(Deed::Tell) => say(point, "passed"),
        Some(Deed::Panic) => panic_at(point),
        None => {}
    }
}

/// Awaits the future; if the point is armed to kill, the process dies before its answer is seen.
pub async fn during<F: Future>(point: Point, future: F) -> F::Output {
    let deed = armed(point);
    match deed {
        Some(Deed::Kill(after)) => kill_later(point, after),
        Some(Deed::Tell) => say(point, "passed"),
        Some(Deed::Panic) => panic_at(point),
        None => {}
    }
    let answer = future.await;
    if matches!(deed, Some(Deed::Kill(_))) {
        die(point);
    }
    answer
}

/// Whether this fault is planted.
pub fn planted(fault: Fault) -> bool {
    fail_point!(fault.name(), |_| true);
    false
}

/// What an armed point does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    /// The process dies so much later.
    Kill(Duration),
    /// Whoever armed the point is told.
    Tell,
    /// The task panics.
    Panic,
}

fn armed(point: Point) -> Option<Deed> {
    fail_point!(point.name(), |action| deed(action.as_deref()));
    None
}

/// None where the action is none of ours.
fn deed(action: Option<&str>) -> Option<Deed> {
    let mut words = action?.split(' ');
    match words.next()? {
        KILL => words.next().map_or(Some(0), |word| word.parse().ok()).map(Duration::from_micros).map(Deed::Kill),
        TELL => Some(Deed::Tell),
        PANIC => Some(Deed::Panic),
        _ => None,
    }
}

fn kill_later(point: Point, after: Duration) {
    std::thread::spawn(move || {
        std::thread::sleep(after);
        die(point);
    });
}

/// Ends as a process that was killed from outside.
fn die(point: Point) -> ! {
    say(point, "killed");
    let _ = kill(Pid::this(), Signal::SIGKILL);
    loop {
        std::thread::park();
    }
}

/// A mistake in the code, as a task meets it.
fn panic_at(point: Point) -> ! {
    say(point, "panicked");
    panic!("failpoint {}", point.name());
}

/// Leaves one line for whoever armed the point.
fn say(point: Point, what: &str) {
    // The kernel has the line before the process is gone: nothing is buffered.
    let _ = std::io::stderr().write_all(format!("failpoint {}: {what}\n", point.name()).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_kill_kills_at_once_or_after_its_time() {
        assert_eq!(deed(Some("kill")), Some(Deed::Kill(Duration::ZERO)));
        assert_eq!(deed(Some("kill 1500")), Some(Deed::Kill(Duration::from_micros(1500))));
        assert_eq!(deed(Some("tell")), Some(Deed::Tell));
        assert_eq!(deed(Some("panic")), Some(Deed::Panic));
        for none in [None, Some("plant"), Some("kill soon"), Some("")] {
            assert_eq!(deed(none), None, "{none:?}");
        }
    }
}
