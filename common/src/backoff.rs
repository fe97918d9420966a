//! Full-jitter exponential backoff: how long to wait before the next try.

use std::time::Duration;

/// The shape of a backoff: `min(cap, base · 2^attempt)`, of which a random part is waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Ceiling of the first wait.
    pub base: Duration,
    /// Ceiling of every wait.
    pub cap: Duration,
}

impl Backoff {
    /// The longest that try number `attempt` (from 0) may wait.
    pub fn ceiling(&self, attempt: u32) -> Duration {
        self.base.checked_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX)).unwrap_or(self.cap).min(self.cap)
    }

    /// The wait before try number `attempt`; `random` is uniform in 0..1.
    ///
    /// Full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015) spreads a herd best.
    pub fn wait(&self, attempt: u32, random: f64) -> Duration {
        self.ceiling(attempt).mul_f64(random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_never_beyond() {
        let backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(5) };
        assert_eq!(backoff.ceiling(0), Duration::from_millis(100));
        assert_eq!(backoff.ceiling(3), Duration::from_millis(800));
        for attempt in [6, 31, 32, 1000] {
            assert_eq!(backoff.ceiling(attempt), Duration::from_secs(5));
        }
        assert_eq!(backoff.wait(3, 0.5), Duration::from_millis(400));
    }
}
