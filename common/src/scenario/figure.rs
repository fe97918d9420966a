//! A figure that a system gives of itself.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number: whole ones of up to 64 bits are kept to their last digit (ids, counts of bytes), all others as a `f64`.
#[derive(Debug, Clone, Copy)]
pub enum Figure {
    /// A whole number, from `i64::MIN` to `u64::MAX`.
    Whole(i128),
    /// Any other; finite.
    Real(f64),
}

/// Why a text is not a figure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a number")]
pub struct FigureError {
    text: String,
}

impl Figure {
    /// The nearest `f64`.
    #[expect(clippy::cast_precision_loss, reason = "the nearest is asked for")]
    pub fn nearest(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Real(real) => real,
        }
    }

    /// What lies in the middle between this and another one.
    #[must_use]
    pub fn midpoint(self, other: Self) -> Self {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) if (a + b) % 2 == 0 => Self::Whole(i128::midpoint(a, b)),
            (a, b) => Self::Real(f64::midpoint(a.nearest(), b.nearest())),
        }
    }
}

/// From `i64::MIN` to `u64::MAX`: what JSON's readers take for whole.
fn is_64_bits(whole: i128) -> bool {
    (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&whole)
}

impl From<u64> for Figure {
    fn from(whole: u64) -> Self {
        Self::Whole(whole.into())
    }
}

impl FromStr for Figure {
    type Err = FigureError;
    fn from_str(text: &str) -> Result<Self, FigureError> {
        let trimmed = text.trim();
        if let Some(whole) = trimmed.parse().ok().filter(|whole| is_64_bits(*whole)) {
            return Ok(Self::Whole(whole));
        }
        let real = trimmed.parse().ok().filter(|real: &f64| real.is_finite());
        real.map(Self::Real).ok_or_else(|| FigureError { text: trimmed.to_owned() })
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(whole) => whole.fmt(f),
            Self::Real(real) => real.fmt(f),
        }
    }
}

impl Ord for Figure {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => a.cmp(b),
            (Self::Real(a), Self::Real(b)) => a.partial_cmp(b).unwrap_or_else(|| a.total_cmp(b)),
            (Self::Whole(a), Self::Real(b)) => whole_to_real(*a, *b),
            (Self::Real(a), Self::Whole(b)) => whole_to_real(*b, *a).reverse(),
        }
    }
}

/// Compares without rounding the whole one.
#[expect(clippy::cast_possible_truncation, reason = "saturates, far beyond any whole figure")]
fn whole_to_real(whole: i128, real: f64) -> Ordering {
    whole.cmp(&(real.floor() as i128)).then(if real.fract() == 0.0 { Ordering::Equal } else { Ordering::Less })
}

impl PartialOrd for Figure {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Figure {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Figure {}

impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Whole(whole) => match (i64::try_from(whole), u64::try_from(whole)) {
                (Ok(whole), _) => serializer.serialize_i64(whole),
                (_, Ok(whole)) => serializer.serialize_u64(whole),
                (Err(_), Err(_)) => serializer.serialize_f64(self.nearest()),
            },
            Self::Real(real) => serializer.serialize_f64(real),
        }
    }
}

impl<'de> Deserialize<'de> for Figure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Figure;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_i64<E>(self, whole: i64) -> Result<Figure, E> {
                Ok(Figure::Whole(whole.into()))
            }
            fn visit_u64<E>(self, whole: u64) -> Result<Figure, E> {
                Ok(whole.into())
            }
            fn visit_f64<E>(self, real: f64) -> Result<Figure, E> {
                Ok(Figure::Real(real))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(text: &str) -> Figure {
        text.parse().unwrap()
    }

    #[test]
    fn whole_numbers_of_64_bits_are_kept_to_their_last_digit() {
        for text in ["9223372036854775807", "18446744073709551615", "-9223372036854775808", "5872025600", "0"] {
            assert_eq!(figure(text).to_string(), text);
            assert_eq!(serde_json::to_string(&figure(text)).unwrap(), text);
            assert_eq!(serde_json::from_str::<Figure>(text).unwrap(), figure(text));
        }
        assert!(figure("9223372036854775806") < figure("9223372036854775807"));
        assert_ne!(figure("9007199254740993"), figure("9007199254740992"));
        // As a floating number the first is the second.
        assert!(figure("9007199254740993") > figure("9007199254740992.0"));
    }

    #[test]
    fn whole_and_other_numbers_are_one_order() {
        let ascending =
            ["-1e300", "-2.5", "-2", "-1.5", "0", "0.5", "1", "1.5", "2", "1e19", "18446744073709551615", "1e300"];
        for pair in ascending.windows(2) {
            assert!(figure(pair[0]) < figure(pair[1]), "{pair:?}");
        }
        assert_eq!(figure("90"), figure("90.0"));
        assert_eq!(figure("1e3"), figure("1000"));
    }

    #[test]
    fn the_middle_is_whole_where_it_can_be() {
        for (a, b, middle) in
            [("4", "5", "4.5"), ("4", "6", "5"), ("9223372036854775805", "9223372036854775807", "9223372036854775806")]
        {
            assert_eq!(figure(a).midpoint(figure(b)).to_string(), middle);
        }
    }

    #[test]
    fn what_is_not_a_finite_number_is_refused() {
        for text in ["", "NaN", "inf", "1 2", "ninety", "1e999"] {
            assert!(text.parse::<Figure>().is_err(), "{text}");
        }
    }
}
