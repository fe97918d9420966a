//! How many nodes of a role must be up: `99%`, or all.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text_type::text_type;

/// A share of nodes, above 0 and up to 100 percent.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Quorum {
    percent: f64,
}

/// Why a text is not a quorum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a quorum: write a percentage above 0% and up to 100%, like 99%")]
pub struct QuorumError {
    text: String,
}

impl Quorum {
    /// Every node.
    pub const ALL: Self = Self { percent: 100.0 };

    /// How many of `total` nodes make the quorum: rounded up, and at least one of any.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a u32, not negative and not above it, is a u32"
    )]
    pub fn of(self, total: u32) -> u32 {
        // The small term keeps 99% of 1000 at 990 where the product comes out as 990.0000000001.
        (f64::from(total) * self.percent / 100.0 - 1e-9).ceil().max(0.0) as u32
    }
}

impl FromStr for Quorum {
    type Err = QuorumError;
    fn from_str(text: &str) -> Result<Self, QuorumError> {
        let wrong = || QuorumError { text: text.to_owned() };
        let number = text.trim().strip_suffix('%').ok_or_else(wrong)?;
        let percent: f64 = number.trim().parse().map_err(|_| wrong())?;
        if percent > 0.0 && percent <= 100.0 { Ok(Self { percent }) } else { Err(wrong()) }
    }
}

impl fmt::Display for Quorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.percent)
    }
}

text_type!(Quorum, QuorumError, r"^\s*\d+(\.\d+)?\s*%\s*$", "A share of nodes, like \"99%\".");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quorum_is_rounded_up_and_never_none() {
        for (text, total, needed) in
            [("99%", 1000, 990), ("99%", 100, 99), ("99%", 10, 10), ("100%", 7, 7), ("0.1%", 5, 1), ("50%", 0, 0)]
        {
            assert_eq!(text.parse::<Quorum>().unwrap().of(total), needed, "{text} of {total}");
        }
        for text in ["", "99", "0%", "101%", "-1%", "NaN%"] {
            assert!(text.parse::<Quorum>().is_err(), "{text}");
        }
    }
}
