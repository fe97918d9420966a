//! Equality of JSON values as a scenario's author means it. Pure.

use serde_json::{Number, Value};
use throng_common::scenario::figure::Figure;

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

/// By what is written: whole numbers exactly.
fn same_number(a: &Number, b: &Number) -> bool {
    let figure = |number: &Number| number.to_string().parse::<Figure>().ok();
    figure(a) == figure(b)
}
