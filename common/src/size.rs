//! Amounts of memory and disk.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Mul};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A number of bytes. Written with a binary unit: `512KiB`, `64MiB`, `1.5GiB`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ByteSize(u64);

/// Why a text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a size: write a number and a unit, like 64MiB, 1.5GiB, 512KiB or 100B")]
pub struct SizeError {
    text: String,
}

/// Units, largest first.
const UNITS: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl ByteSize {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// A number of bytes.
    pub const fn bytes(count: u64) -> Self {
        Self(count)
    }

    /// A number of KiB (1024 bytes).
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    /// A number of MiB (1024 KiB).
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// A number of GiB (1024 MiB).
    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    /// The number of bytes.
    pub const fn as_bytes(self) -> u64 {
        self.0
    }

    /// The difference, or zero where `other` is larger.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for ByteSize {
    /// One decimal at the most, in the largest unit that gives at least 1: exact where it divides, else rounded down.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, size) = UNITS.into_iter().find(|(_, size)| self.0 >= *size).unwrap_or(("B", 1));
        let whole = self.0 / size;
        let tenth = (self.0 % size) * 10 / size;
        let text = if tenth == 0 { format!("{whole}{unit}") } else { format!("{whole}.{tenth}{unit}") };
        f.pad(&text)
    }
}

impl FromStr for ByteSize {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let wrong = || SizeError { text: text.to_owned() };
        let trimmed = text.trim();
        let (unit, size) = UNITS.into_iter().find(|(unit, _)| trimmed.ends_with(unit)).ok_or_else(wrong)?;
        let number = trimmed[..trimmed.len() - unit.len()].trim();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || whole.len() > 15 || !digits(whole) || fraction.len() > 3 || !digits(fraction) {
            return Err(wrong());
        }
        let thousandths: u128 = format!("{whole}{fraction:0<3}").parse().map_err(|_| wrong())?;
        // Up, to a whole byte: what is written with one decimal is shown so again.
        let bytes = (thousandths * u128::from(size)).div_ceil(1000);
        u64::try_from(bytes).map(Self).map_err(|_| wrong())
    }
}

impl TryFrom<String> for ByteSize {
    type Error = SizeError;
    fn try_from(text: String) -> Result<Self, SizeError> {
        text.parse()
    }
}

impl From<ByteSize> for String {
    /// Exact: the largest unit that divides the number of bytes.
    fn from(size: ByteSize) -> Self {
        let (unit, factor) = UNITS
            .into_iter()
            .find(|(_, factor)| size.0 >= *factor && size.0.is_multiple_of(*factor))
            .unwrap_or(("B", 1));
        format!("{}{unit}", size.0 / factor)
    }
}

impl schemars::JsonSchema for ByteSize {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ByteSize".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A size in bytes with a binary unit, like \"64MiB\".",
            "pattern": r"^\s*\d{1,15}(\.\d{1,3})?\s*(B|KiB|MiB|GiB|TiB)\s*$",
        })
    }
}

impl Add for ByteSize {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Mul<u64> for ByteSize {
    type Output = Self;
    fn mul(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }
}

impl Sum for ByteSize {
    fn sum<I: Iterator<Item = Self>>(sizes: I) -> Self {
        sizes.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_and_shown_as_people_write_them() {
        for (text, bytes, shown) in [
            ("8MiB", 8 << 20, "8MiB"),
            ("1.5GiB", 3 << 29, "1.5GiB"),
            ("1.2GiB", 1_288_490_189, "1.2GiB"),
            (" 100 B ", 100, "100B"),
            ("0MiB", 0, "0B"),
            ("1025KiB", 1025 << 10, "1MiB"),
        ] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!((size.as_bytes(), size.to_string().as_str()), (bytes, shown), "{text}");
        }
    }

    #[test]
    fn sizes_without_a_binary_unit_are_refused() {
        for text in ["8", "8MB", "MiB", "-1MiB", "1e3MiB", "1.2345MiB", "99999999999999TiB", "", "8 mib"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_serialised_form_is_exact(bytes in 0u64..1 << 49) {
            let size = ByteSize::bytes(bytes);
            prop_assert_eq!(String::from(size).parse::<ByteSize>().unwrap(), size);
        }
    }
}
