//! How soon a step is tried again. Pure.

use std::time::Duration;

/// The first pause: short, since most waits are for what is nearly there.
const FIRST: Duration = Duration::from_millis(50);

/// The longest pause between tries that answer quickly.
const LONGEST: Duration = Duration::from_secs(1);

/// The longest pause at all.
const CAP: Duration = Duration::from_secs(5);

/// The pause after try number `attempt` (from 1), which took `took`.
///
/// It grows by half with every try, and is never shorter than the try itself, so that asking never takes more than
/// half of what the system under test has.
pub(super) fn pause(attempt: u32, took: Duration) -> Duration {
    let growth = 1.5_f64.powi(i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX).min(16));
    FIRST.mul_f64(growth).min(LONGEST).max(took).min(CAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_short_to_a_second_and_follow_slow_answers() {
        assert_eq!(pause(1, Duration::ZERO), FIRST);
        assert_eq!(pause(2, Duration::ZERO), Duration::from_millis(75));
        assert_eq!(pause(100, Duration::ZERO), LONGEST);
        assert_eq!(pause(u32::MAX, Duration::ZERO), LONGEST);
        assert_eq!(pause(1, Duration::from_secs(3)), Duration::from_secs(3));
        assert_eq!(pause(1, Duration::from_secs(30)), CAP);
    }
}
