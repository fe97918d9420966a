//! Equality of JSON values as a scenario's author means it. Pure.

use serde_json::{Number, Value};

/// Below this, a `f64` holds every integer exactly (2^53).
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Whether two values are the same: whole numbers exactly, also where one is written `1.0`; all else as JSON does.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => same_number(a, b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        _ => a == b,
    }
}

/// Whether a number or a truth value reads like the expected text.
pub(super) fn loosely_equal(got: &Value, expected: &Value) -> bool {
    match (got, expected) {
        (Value::Number(_) | Value::Bool(_), Value::String(text)) => {
            serde_json::from_str::<Value>(text.trim()).is_ok_and(|value| same(got, &value))
        }
        _ => false,
    }
}

fn same_number(a: &Number, b: &Number) -> bool {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.as_f64() == b.as_f64(),
        _ => false,
    }
}

/// The whole number, where it is one and is held exactly.
#[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
fn integer(number: &Number) -> Option<i128> {
    let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    let float =
        || number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() < EXACT_MAX).map(|value| value as i128);
    whole.or_else(float)
}
