//! What time it is, for events and for what ages.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

use throng_common::status::UnixMillis;

/// When [`steady`] was first asked, by the wall clock, and how long after the machine's boot that was.
static ANCHOR: OnceLock<(UnixMillis, Duration)> = OnceLock::new();

/// Now. A clock before 1970 reads as 0.
pub fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Now, as the wall clock would say had nobody set it since this process first asked. A machine's sleep counts.
pub fn steady() -> UnixMillis {
    let (wall, began) = ANCHOR.get_or_init(|| (now(), since_boot()));
    let passed = u64::try_from(since_boot().saturating_sub(*began).as_millis()).unwrap_or(u64::MAX);
    UnixMillis(wall.0.saturating_add(passed))
}

fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).expect("Linux counts the time since the boot").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_passed_is_what_the_steady_clock_says() {
        let first = steady();
        std::thread::sleep(std::time::Duration::from_millis(20));
        let passed = steady().since(first);
        assert!((20..10_000).contains(&passed.as_millis()), "{passed:?}");
    }
}
