//! What decoding a message needs: the error that names its field, and the steps that all conversions share.

use std::fmt::Display;
use std::str::FromStr;

/// Why a message is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}`: {problem}")]
pub struct DecodeError {
    /// The field's path: `clusters[0].nodes[3].name`.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl DecodeError {
    /// A field that is wrong.
    pub fn new(field: impl Into<String>, problem: impl Display) -> Self {
        Self { field: field.into(), problem: problem.to_string() }
    }

    /// The same error, seen from the message that holds this one.
    #[must_use]
    pub fn within(mut self, outer: &str) -> Self {
        self.field = format!("{outer}.{}", self.field);
        self
    }
}

/// Parses a field that is text on the wire.
pub fn text<T: FromStr>(field: &str, value: &str) -> Result<T, DecodeError>
where
    T::Err: Display,
{
    value.parse().map_err(|error| DecodeError::new(field, error))
}

/// Takes a field that must be there.
pub(super) fn required<T>(field: &str, value: Option<T>) -> Result<T, DecodeError> {
    value.ok_or_else(|| DecodeError::new(field, "is missing"))
}

/// Decodes every element of a list, with its place in the error.
pub(super) fn list<W, T>(field: &str, values: Vec<W>) -> Result<Vec<T>, DecodeError>
where
    T: TryFrom<W, Error = DecodeError>,
{
    let place = |(at, value)| T::try_from(value).map_err(|error: DecodeError| error.within(&format!("{field}[{at}]")));
    values.into_iter().enumerate().map(place).collect()
}

/// A duration in whole milliseconds.
pub(super) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
