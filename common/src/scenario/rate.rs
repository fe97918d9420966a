//! How fast something is done: `40/s`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text_type::text_type;

/// So many a second; more than none.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    amount: f64,
    per: Per,
}

#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
enum Per {
    Second,
    Minute,
}

/// Why a text is not a rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a rate: write a number above 0 and /s or /m, like 40/s")]
pub struct RateError {
    text: String,
}

impl Rate {
    /// How many a second, above 0.
    pub fn per_second(self) -> f64 {
        match self.per {
            Per::Second => self.amount,
            Per::Minute => self.amount / 60.0,
        }
    }
}

impl FromStr for Rate {
    type Err = RateError;
    fn from_str(text: &str) -> Result<Self, RateError> {
        let wrong = || RateError { text: text.to_owned() };
        let (number, unit) = text.trim().split_once('/').ok_or_else(wrong)?;
        let per = match unit.trim() {
            "s" => Per::Second,
            "m" => Per::Minute,
            _ => return Err(wrong()),
        };
        let amount: f64 = number.trim().parse().map_err(|_| wrong())?;
        if amount.is_finite() && amount > 0.0 { Ok(Self { amount, per }) } else { Err(wrong()) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.per {
            Per::Second => "s",
            Per::Minute => "m",
        };
        write!(f, "{}/{unit}", self.amount)
    }
}

text_type!(Rate, RateError, r"^\s*\d+(\.\d+)?\s*/\s*(s|m)\s*$", "A rate above 0, like \"40/s\" or \"90/m\".");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_a_second_or_a_minute() {
        for (text, per_second, shown) in [("40/s", 40.0, "40/s"), ("90 / m", 1.5, "90/m"), ("0.5/s", 0.5, "0.5/s")] {
            let rate: Rate = text.parse().unwrap();
            assert!((rate.per_second() - per_second).abs() < 1e-9, "{text}");
            assert_eq!(rate.to_string(), shown);
        }
        for text in ["", "40", "0/s", "-1/s", "40/h", "NaN/s", "inf/s", "x/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
