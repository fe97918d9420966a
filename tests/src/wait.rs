//! Waiting on a predicate with a deadline.

use std::fmt::Display;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How often is looked.
const EVERY: Duration = Duration::from_millis(50);
/// A factor for every deadline of the tests: a machine that is emulated takes many times longer.
const PATIENCE: &str = "THRONG_TEST_PATIENCE";

/// A deadline of a test, as this machine needs it: longer by the factor that `THRONG_TEST_PATIENCE` names, as it is where
/// nobody set one.
pub fn patiently(within: Duration) -> Duration {
    static FACTOR: OnceLock<u32> = OnceLock::new();
    let factor = *FACTOR.get_or_init(|| match std::env::var(PATIENCE) {
        Ok(text) => text.parse().unwrap_or_else(|error| panic!("{PATIENCE} is `{text}`, not a whole number: {error}")),
        Err(_) => 1,
    });
    within * factor
}

/// Looks again and again until it is so; what was seen last where it is not in time.
pub fn until<T, E>(within: Duration, mut look: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    let deadline = Instant::now() + within;
    loop {
        match look() {
            Ok(value) => return Ok(value),
            Err(seen) if Instant::now() > deadline => return Err(seen),
            Err(_) => std::thread::sleep(EVERY),
        }
    }
}

/// Looks again and again until there is a value; panics with what was seen last.
pub fn wait_for<T, E: Display>(what: &str, within: Duration, mut look: impl FnMut() -> Result<T, E>) -> T {
    let within = patiently(within);
    let deadline = Instant::now() + within;
    loop {
        match look() {
            Ok(value) => return value,
            Err(seen) if Instant::now() > deadline => panic!("{what}: not within {within:?}; last seen: {seen}"),
            Err(_) => std::thread::sleep(EVERY),
        }
    }
}
