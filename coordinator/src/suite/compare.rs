//! Comparisons of a metric with a number: `>= 90`, `== 100`, `< 0.5`. Pure.

use std::fmt;
use std::str::FromStr;

/// A comparison, with its number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    operator: Operator,
    bound: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    AtLeast,
    AtMost,
    Equal,
    Unequal,
    Above,
    Below,
}

/// Longer ones first: `>` begins `>=`.
const OPERATORS: [(&str, Operator); 6] = [
    (">=", Operator::AtLeast),
    ("<=", Operator::AtMost),
    ("==", Operator::Equal),
    ("!=", Operator::Unequal),
    (">", Operator::Above),
    ("<", Operator::Below),
];

/// Why a text is not a comparison.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a comparison: write one of >= <= == != > < and a number, like \">= 90\"")]
pub struct ComparisonError {
    text: String,
}

impl Comparison {
    /// Whether it is true of this value.
    #[expect(clippy::float_cmp, reason = "`==` in a scenario means the very number; metrics are mostly counts")]
    pub fn holds(&self, value: f64) -> bool {
        match self.operator {
            Operator::AtLeast => value >= self.bound,
            Operator::AtMost => value <= self.bound,
            Operator::Equal => value == self.bound,
            Operator::Unequal => value != self.bound,
            Operator::Above => value > self.bound,
            Operator::Below => value < self.bound,
        }
    }
}

impl FromStr for Comparison {
    type Err = ComparisonError;

    fn from_str(text: &str) -> Result<Self, ComparisonError> {
        let wrong = || ComparisonError { text: text.to_owned() };
        let trimmed = text.trim();
        let (rest, operator) = OPERATORS
            .into_iter()
            .find_map(|(sign, operator)| Some((trimmed.strip_prefix(sign)?, operator)))
            .ok_or_else(wrong)?;
        let bound: f64 = rest.trim().parse().map_err(|_| wrong())?;
        if bound.is_finite() { Ok(Self { operator, bound }) } else { Err(wrong()) }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = OPERATORS.into_iter().find(|(_, operator)| *operator == self.operator).map_or("", |(sign, _)| sign);
        write!(f, "{sign} {}", self.bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_mean_what_they_say() {
        for (text, held, not_held) in [
            (">= 90", 90.0, 89.9),
            ("<=90", 90.0, 90.1),
            (" == 5 ", 5.0, 5.5),
            ("!= 0", 1.0, 0.0),
            ("> -1.5", 0.0, -1.5),
            ("< 1e3", 999.0, 1000.0),
        ] {
            let comparison: Comparison = text.parse().unwrap();
            assert!(comparison.holds(held) && !comparison.holds(not_held), "{text}");
            assert!(!comparison.holds(f64::NAN) || text.starts_with("!="), "{text}");
        }
        assert_eq!(">=90".parse::<Comparison>().unwrap().to_string(), ">= 90");
    }

    #[test]
    fn texts_that_are_no_comparison_are_refused() {
        for text in ["", "90", "=> 90", "= 90", ">= x", ">=", ">= NaN", "< inf", ">= 90 workers"] {
            assert!(text.parse::<Comparison>().is_err(), "{text}");
        }
    }
}
