//! Waiting on a predicate with a deadline.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// How often is looked.
const EVERY: Duration = Duration::from_millis(50);

/// Looks again and again until there is a value; panics with what was seen last.
pub fn wait_for<T, E: Display>(what: &str, within: Duration, mut look: impl FnMut() -> Result<T, E>) -> T {
    let deadline = Instant::now() + within;
    loop {
        match look() {
            Ok(value) => return value,
            Err(seen) if Instant::now() > deadline => panic!("{what}: not within {within:?}; last seen: {seen}"),
            Err(_) => std::thread::sleep(EVERY),
        }
    }
}
