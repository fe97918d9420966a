//! Durations as people write them: `250ms`, `30s`, `8m`, `1h 30m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A length of time, written with a unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

/// Longer than anybody waits, and short enough to be added to any clock: a century.
pub const SPAN_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// It does not read as one.
    #[error("`{0}` is not a duration: write a number and a unit, like 250ms, 30s, 8m or 1h30m")]
    Unreadable(String),
    /// It is longer than [`SPAN_MAX`].
    #[error("`{0}` is longer than a century: write a shorter one")]
    TooLong(String),
}

impl Span {
    /// Whole seconds.
    pub const fn seconds(count: u64) -> Self {
        Self(Duration::from_secs(count))
    }

    /// Milliseconds.
    pub const fn millis(count: u64) -> Self {
        Self(Duration::from_millis(count))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&humantime::format_duration(self.0).to_string().replace(' ', ""))
    }
}

impl FromStr for Span {
    type Err = SpanError;
    fn from_str(text: &str) -> Result<Self, SpanError> {
        let span = humantime::parse_duration(text).map_err(|_| SpanError::Unreadable(text.to_owned()))?;
        if span > SPAN_MAX { Err(SpanError::TooLong(text.to_owned())) } else { Ok(Self(span)) }
    }
}

impl TryFrom<String> for Span {
    type Error = SpanError;
    fn try_from(text: String) -> Result<Self, SpanError> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl schemars::JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A duration with a unit, like \"250ms\", \"30s\" or \"8m\".",
            "pattern": r"^\s*(\d+\s*(ns|us|ms|s|sec|m|min|h|d)\s*)+$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_shown() {
        for (text, shown) in [("250ms", "250ms"), ("90s", "1m30s"), ("1h 30m", "1h30m"), ("0s", "0s")] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), shown);
        }
        for text in ["", "5", "five minutes", "-1s"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert!("36500d".parse::<Span>().is_ok());
        assert!(matches!("9300000000000000000s".parse::<Span>(), Err(SpanError::TooLong(_))));
    }
}
