//! One clock for a run: moments for the report, counted from one reading of the wall clock, so that they never run
//! backwards when somebody sets it.

use std::time::Duration;

use throng_common::status::UnixMillis;
use tokio::time::Instant;

/// A run's clock.
#[derive(Debug, Clone, Copy)]
pub struct RunClock {
    began: Instant,
    began_at: UnixMillis,
}

impl RunClock {
    /// Starts it at this moment.
    pub fn start(began_at: UnixMillis) -> Self {
        Self { began: Instant::now(), began_at }
    }

    /// Now.
    pub fn now(&self) -> UnixMillis {
        UnixMillis(self.began_at.0 + millis(self.began.elapsed()))
    }
}

/// A duration in whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
