//! Between SQLite's values and ours. SQLite's integers are signed 64 bits; all numbers kept here are far smaller.

use throng_common::status::UnixMillis;

use super::StoreError;

/// A number as SQLite keeps it.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number as we keep it; a negative one, which we never write, becomes 0.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A time as we keep it.
pub(super) fn time(number: i64) -> UnixMillis {
    UnixMillis(unsigned(number))
}

/// Decodes a text of a row, or names the row that cannot be read.
pub(super) fn decode<T, E: std::fmt::Display>(
    table: &'static str,
    subject: &str,
    decoded: Result<T, E>,
) -> Result<T, StoreError> {
    decoded.map_err(|error| StoreError::Decode { table, subject: subject.to_owned(), reason: error.to_string() })
}
