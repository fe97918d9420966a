//! What time it is, by the two clocks that matter here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use throng_common::status::UnixMillis;

/// A moment by the clock that nobody sets, in milliseconds since the machine was booted, its sleep left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Uptime(pub u64);

impl Uptime {
    /// So many milliseconds later.
    #[must_use]
    pub fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// How long after the earlier one; zero where that is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Now, by both clocks. The wall's is for people, and for what outlives a boot: it may be set to anything at any time, so
/// nothing is waited for by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Now {
    /// By the wall clock.
    pub wall: UnixMillis,
    /// By the other one.
    pub uptime: Uptime,
}

impl Now {
    /// When something was that the wall clock dates, by the clock that nobody sets; the boot at the earliest.
    pub fn uptime_at(self, wall: UnixMillis) -> Uptime {
        Uptime(self.uptime.0.saturating_sub(self.wall.0.saturating_sub(wall.0)))
    }
}

/// Now, by the wall clock. A clock before 1970 reads as 0.
pub fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Now, by the clock that nobody sets.
pub fn uptime() -> Uptime {
    let since = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("Linux has a monotonic clock");
    Uptime(u64::try_from(Duration::from(since).as_millis()).unwrap_or(u64::MAX))
}

/// Now, by both.
pub fn both() -> Now {
    Now { wall: now(), uptime: uptime() }
}
