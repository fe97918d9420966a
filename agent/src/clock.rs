//! The one place that reads the wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use throng_common::status::UnixMillis;

/// Now. A clock before 1970 reads as 0.
pub fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
