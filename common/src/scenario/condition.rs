//! What a figure is compared with: `>= 90`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::figure::Figure;
use crate::text_type::text_type;

/// A relation and the number on its right side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Condition {
    relation: Relation,
    bound: Figure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equal,
    Unequal,
    AtLeast,
    Above,
    AtMost,
    Below,
}

/// Relations as they are written; those of two letters first, so that `>=` is not read as `>`.
const RELATIONS: [(&str, Relation); 6] = [
    ("==", Relation::Equal),
    ("!=", Relation::Unequal),
    (">=", Relation::AtLeast),
    ("<=", Relation::AtMost),
    (">", Relation::Above),
    ("<", Relation::Below),
];

/// Why a text is not a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a comparison: write one of == != >= > <= < and a number, like \">= 90\"")]
pub struct ConditionError {
    text: String,
}

impl Condition {
    /// Whether it holds for this figure.
    pub fn holds(self, figure: Figure) -> bool {
        match self.relation {
            Relation::Equal => figure == self.bound,
            Relation::Unequal => figure != self.bound,
            Relation::AtLeast => figure >= self.bound,
            Relation::Above => figure > self.bound,
            Relation::AtMost => figure <= self.bound,
            Relation::Below => figure < self.bound,
        }
    }
}

impl FromStr for Condition {
    type Err = ConditionError;
    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let wrong = || ConditionError { text: text.to_owned() };
        let trimmed = text.trim();
        let find = |(sign, relation): (&str, Relation)| Some((relation, trimmed.strip_prefix(sign)?));
        let (relation, number) = RELATIONS.into_iter().find_map(find).ok_or_else(wrong)?;
        let bound = number.parse().map_err(|_| wrong())?;
        Ok(Self { relation, bound })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = RELATIONS.into_iter().find_map(|(sign, relation)| (relation == self.relation).then_some(sign));
        write!(f, "{} {}", sign.unwrap_or_default(), self.bound)
    }
}

text_type!(
    Condition,
    ConditionError,
    r"^\s*(==|!=|>=|<=|>|<)\s*[-+]?\d+(\.\d+)?([eE][-+]?\d+)?\s*$",
    "A comparison with a number, like \">= 90\" or \"== 0\"."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_as_they_read() {
        for (text, below, at, above) in [
            (">= 90", false, true, true),
            ("> 90", false, false, true),
            ("<= 90", true, true, false),
            ("<90", true, false, false),
            ("== 90", false, true, false),
            ("!= 90", true, false, true),
        ] {
            let condition: Condition = text.parse().unwrap();
            assert_eq!([89_u64, 90, 91].map(|figure| condition.holds(figure.into())), [below, at, above], "{text}");
            assert_eq!(condition.to_string().parse::<Condition>().unwrap(), condition);
        }
    }

    #[test]
    fn ids_of_64_bits_are_told_apart() {
        let condition: Condition = "== 9223372036854775807".parse().unwrap();
        assert_eq!([i64::MAX as u64 - 1, i64::MAX as u64].map(|id| condition.holds(id.into())), [false, true]);
    }

    #[test]
    fn what_is_not_a_condition_is_refused() {
        for text in ["", "90", "=> 90", "= 90", ">= ninety", ">= NaN", ">= 1 2"] {
            assert!(text.parse::<Condition>().is_err(), "{text}");
        }
    }
}
