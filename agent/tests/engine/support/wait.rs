//! Waiting on a predicate with a deadline.

use std::time::{Duration, Instant};

/// Asks again and again until `look` gives a value; panics with the last thing seen.
pub(crate) async fn wait_for<T, E: std::fmt::Debug>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        match look().await {
            Ok(value) => return value,
            Err(seen) if Instant::now() > deadline => panic!("{what}: not within {within:?}; last seen: {seen:?}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
