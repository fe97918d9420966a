//! What is said about a value of the wrong shape, and what to do about it.

use serde_json::Value as Json;

use super::code::Code;
use super::path::{KeyPath, Segment};
use super::report::{Fault, suggest};
use super::shape::{Rule, alternatives, kind, words};
use super::tree::{Node, Value};

/// A value of another type than it should have.
pub(super) fn wrong_type(rule: Rule<'_>, node: &Node) -> Fault {
    let mut wanted: Vec<String> = alternatives(rule).into_iter().map(describe).collect();
    wanted.dedup();
    let message = format!("expected {}, found {}", wanted.join(" or "), node.value.kind());
    Fault::new(Code::WrongType, message).hint(how_to_write(rule, node))
}

/// What belongs here.
fn describe(rule: Rule<'_>) -> String {
    match (rule.name, kind(rule.schema)) {
        (Some("Duration"), _) => "a duration like \"30s\"".to_owned(),
        (Some("ByteSize"), _) => "a size like \"64MiB\"".to_owned(),
        (Some("Selector"), _) => "nodes like \"worker\" or \"3 of worker\"".to_owned(),
        (Some("Quorum"), _) => "a percentage like \"99%\"".to_owned(),
        (Some("Rate"), _) => "a rate like \"40/s\"".to_owned(),
        (Some("Mode"), _) => "permissions like \"0644\"".to_owned(),
        (Some("PortRange"), _) => "a range like \"20000-32000\"".to_owned(),
        (_, Some("string")) => "text".to_owned(),
        (_, Some("integer")) => "a whole number".to_owned(),
        (_, Some("number")) => "a number".to_owned(),
        (_, Some("boolean")) => "true or false".to_owned(),
        (_, Some("array")) => "a list".to_owned(),
        (_, Some("object")) => "a table".to_owned(),
        _ => "another value".to_owned(),
    }
}

fn how_to_write(rule: Rule<'_>, node: &Node) -> String {
    let first = alternatives(rule).into_iter().next().unwrap_or(rule);
    let example = || describe(first);
    match (first.name, kind(first.schema), &node.value) {
        (Some("Duration"), _, Value::Integer(number)) => format!("write a unit: \"{number}s\""),
        (Some("ByteSize"), _, Value::Integer(number)) => format!("write a unit: \"{number}MiB\""),
        (Some("Quorum"), _, Value::Integer(number)) => format!("write it as text: \"{number}%\""),
        (Some("Rate"), _, Value::Integer(number)) => format!("write it as text: \"{number}/s\""),
        (Some("Mode"), _, Value::Integer(_)) => "write it in quotes: \"0644\"".to_owned(),
        (_, Some("string"), Value::Integer(number)) => format!("put it in quotes: \"{number}\""),
        (_, Some("string"), Value::Number(number)) => format!("put it in quotes: \"{number}\""),
        (_, Some("string"), Value::Flag(flag)) => format!("put it in quotes: \"{flag}\""),
        (_, Some("integer" | "number"), Value::Text(text)) if text.trim().parse::<f64>().is_ok() => {
            format!("write it without quotes: {}", text.trim())
        }
        (_, Some("boolean"), Value::Text(text)) if text == "true" || text == "false" => {
            format!("write it without quotes: {text}")
        }
        (_, Some("integer" | "number" | "boolean"), Value::Text(text)) if text.contains('{') => {
            "of all placeholders only {param.NAME} can stand here".to_owned()
        }
        (_, Some("array"), Value::Text(text)) => {
            let words: Vec<String> = text.split_whitespace().map(|word| format!("{word:?}")).collect();
            format!("write a list: [{}]", words.join(", "))
        }
        (_, Some("array"), Value::Table(_)) => "write a list: [ … ], or [[ … ]] for its tables".to_owned(),
        (_, Some("object"), _) => "write a table: { key = value }".to_owned(),
        _ => format!("write {}", example()),
    }
}

/// A number outside its range; none where it lies inside.
pub(super) fn out_of_range(schema: &Json, node: &Node) -> Option<Fault> {
    let format = schema.get("format").and_then(Json::as_str);
    let given = |key: &str| schema.get(key).and_then(Json::as_f64);
    let least = given("minimum").or(match format {
        Some("int32") => Some(f64::from(i32::MIN)),
        _ => None,
    });
    let most = given("maximum").or(match format {
        Some("int32") => Some(f64::from(i32::MAX)),
        Some("uint32") => Some(f64::from(u32::MAX)),
        _ => None,
    });
    #[expect(clippy::cast_precision_loss, reason = "only compared with bounds that are far from where it matters")]
    let number = match node.value {
        Value::Integer(number) => number as f64,
        Value::Number(number) => number,
        _ => return None,
    };
    let fault = |word: &str, bound: f64| {
        let message = format!("{number} is too {word}");
        let side = if word == "small" { "least" } else { "most" };
        Fault::new(Code::OutOfRange, message).hint(format!("write a number of at {side} {bound}"))
    };
    match (least, most) {
        (Some(least), _) if number < least => Some(fault("small", least)),
        (_, Some(most)) if number > most => Some(fault("large", most)),
        _ => None,
    }
}

/// A key that must be there and is not.
pub(super) fn missing(table: &KeyPath, key: &str, rule: Rule<'_>) -> Fault {
    let place = if table.is_empty() { "the scenario".to_owned() } else { format!("`{table}`") };
    let example = match (key, words(rule.schema), rule.name, kind(rule.schema)) {
        ("format", ..) => "format = 1".to_owned(),
        ("scenario", ..) => "[scenario] with name = \"my-scenario\"".to_owned(),
        ("role", ..) => "at least one [role.NAME]".to_owned(),
        ("step", ..) => "step = [ { exec = [\"true\"], on = \"worker\" } ]".to_owned(),
        (_, Some(words), ..) => {
            let all: Vec<String> = words.iter().map(|word| format!("{key} = \"{word}\"")).collect();
            all.join(" or ")
        }
        (_, _, Some("ByteSize"), _) => format!("{key} = \"64MiB\""),
        (_, _, Some("Selector"), _) => format!("{key} = \"worker\""),
        (_, _, _, Some("array")) => format!("{key} = [\"…\"]"),
        (_, _, _, Some("integer")) => format!("{key} = 1"),
        (_, _, _, Some("object")) => format!("{key} = {{ … }}"),
        _ => format!("{key} = \"…\""),
    };
    Fault::new(Code::MissingKey, format!("{place} lacks `{key}`")).hint(format!("add {example}"))
}

/// A key that the format does not know, or that is no name where names are keys.
pub(super) fn unknown_key(path: &KeyPath, key: &str, table: &Json) -> Fault {
    if table.get("patternProperties").is_some() {
        let message = format!("`{key}` is not a valid role name");
        return Fault::new(Code::BadName, message).hint(throng_common::ids::NAME_RULE);
    }
    let parent = path.split_last().map(|(_, parent)| parent).unwrap_or_default();
    let place = match parent.segments().last() {
        None => "a scenario".to_owned(),
        Some(Segment::Key(_) | Segment::Index(_)) => format!("`{parent}`"),
    };
    let known = table.get("properties").and_then(Json::as_object).into_iter().flatten().map(|(key, _)| key.as_str());
    Fault::new(Code::UnknownKey, format!("unknown key `{key}` in {place}")).hint(suggest(key, known, ""))
}
