//! Values of options that are checked before anything is called.

use std::collections::HashMap;
use std::time::Duration;

/// A regular expression, kept as text: the coordinator compiles it again.
pub fn parse(text: &str) -> Result<String, regex::Error> {
    regex::Regex::new(text).map(|_| text.to_owned())
}

/// A span of time, like `30s`, `5m` or `1h30m`.
pub fn duration(text: &str) -> Result<Duration, throng_common::span::SpanError> {
    text.parse::<throng_common::span::Span>().map(|span| span.0)
}

/// Why a text is no count for a role.
#[derive(Debug, thiserror::Error)]
#[error("write a role and a count, like worker=150")]
pub struct CountError;

/// `worker=150`.
pub fn count(text: &str) -> Result<(String, u32), CountError> {
    let (role, count) = text.split_once('=').ok_or(CountError)?;
    let role = throng_common::ids::RoleName::new(role).map_err(|_| CountError)?;
    Ok((role.as_str().to_owned(), count.parse().map_err(|_| CountError)?))
}

/// The counts by role. Of one named twice, the last counts.
pub fn counts(counts: Vec<(String, u32)>) -> HashMap<String, u32> {
    counts.into_iter().collect()
}
