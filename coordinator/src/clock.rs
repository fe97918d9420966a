//! The one place that reads the wall clock.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use throng_common::status::UnixMillis;

/// When [`steady`] was first asked, by both clocks.
static ANCHOR: OnceLock<(UnixMillis, Instant)> = OnceLock::new();

/// Now. A clock before 1970 reads as 0.
pub fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Now, as the wall clock would say had nobody set it since this process first asked: for what lasts a while and outlives
/// the process.
pub fn steady() -> UnixMillis {
    let (wall, began) = ANCHOR.get_or_init(|| (now(), Instant::now()));
    let passed = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    UnixMillis(wall.0.saturating_add(passed))
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
