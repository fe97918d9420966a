//! Waiting on a predicate with a deadline.

use std::time::{Duration, Instant};

/// A deadline as this machine needs it: longer by the factor that `THRONG_TEST_PATIENCE` names.
pub(crate) fn patiently(within: Duration) -> Duration {
    let factor = std::env::var("THRONG_TEST_PATIENCE").map_or(1, |text| text.parse().expect("a whole number"));
    within * factor
}

/// Asks again and again until `look` gives a value; panics with the last thing seen.
pub(crate) async fn wait_for<T, E: std::fmt::Debug>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let within = patiently(within);
    let deadline = Instant::now() + within;
    loop {
        match look().await {
            Ok(value) => return value,
            Err(seen) if Instant::now() > deadline => panic!("{what}: not within {within:?}; last seen: {seen:?}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
