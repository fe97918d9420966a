//! The figure in what a metric's command or URL answers. Pure.

use regex::Regex;
use serde_json::Value;
use throng_common::scenario::figure::Figure;
use throng_common::scenario::model::Metric;

use super::excerpt::quote;

/// Why there is no figure in an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FigureError {
    /// The regular expression does not match.
    #[error("`match` {pattern} finds nothing in {output}")]
    NoMatch {
        /// The regular expression.
        pattern: String,
        /// An excerpt.
        output: String,
    },
    /// It is not a regular expression.
    #[error("`match` {0} is not a regular expression")]
    Pattern(String),
    /// There is nothing at the pointer, or no JSON.
    #[error("nothing at {pointer} in {output}")]
    NoValue {
        /// The JSON pointer.
        pointer: String,
        /// An excerpt.
        output: String,
    },
    /// What was found is not a number.
    #[error("{0} is not a number")]
    NotANumber(String),
}

/// Reads the figure.
pub(super) fn figure(metric: &Metric, output: &str) -> Result<Figure, FigureError> {
    if let Some(pointer) = &metric.pointer {
        let document: Option<Value> = serde_json::from_str(output.trim()).ok();
        let value = document.as_ref().and_then(|document| document.pointer(pointer));
        return match value {
            Some(Value::Number(number)) => finite(&number.to_string()),
            Some(Value::String(text)) => finite(text),
            Some(other) => Err(FigureError::NotANumber(quote(&other.to_string()))),
            None => Err(FigureError::NoValue { pointer: pointer.clone(), output: quote(output) }),
        };
    }
    let Some(pattern) = &metric.pattern else { return finite(output) };
    let regex = Regex::new(pattern).map_err(|_| FigureError::Pattern(quote(pattern)))?;
    let found = regex.captures(output).and_then(|groups| groups.get(1).or_else(|| groups.get(0)));
    let no_match = || FigureError::NoMatch { pattern: quote(pattern), output: quote(output) };
    finite(found.ok_or_else(no_match)?.as_str())
}

fn finite(text: &str) -> Result<Figure, FigureError> {
    text.parse().map_err(|_| FigureError::NotANumber(quote(text.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(key: &str, value: &str) -> Metric {
        let document = serde_json::json!({"name": "m", "on": "primary", "exec": ["x"], key: value});
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn figures_are_found_and_all_else_is_refused() {
        for (key, how, output, value) in [
            ("match", "slaves:(\\d+)", "connected_slaves:97\r\n", Some("97")),
            ("match", "[0-9.]+", "12.5 ops", Some("12.5")),
            ("match", "slaves:(\\d+)", "nothing", None),
            ("match", "(", "1", None),
            ("match", "(.*)", "NaN", None),
            ("pointer", "/a", r#"{"a":3}"#, Some("3")),
            ("pointer", "/a", r#"{"a":"3.5"}"#, Some("3.5")),
            ("pointer", "/id", r#"{"id":9223372036854775807}"#, Some("9223372036854775807")),
            ("pointer", "/a", r#"{"a":true}"#, None),
            ("pointer", "/b", r#"{"a":3}"#, None),
        ] {
            let found = figure(&metric(key, how), output).ok().map(|figure| figure.to_string());
            assert_eq!(found.as_deref(), value, "{key} {how} {output}");
        }
    }
}
