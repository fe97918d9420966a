//! From a tree of the right shape to the typed scenario: texts become sizes, durations, selectors, names.
//!
//! Each text that is not what it should be is reported and replaced, then the tree is read again, so that all of
//! them are found.

use serde_path_to_error::Segment as TypedSegment;
use throng_common::scenario::model::Scenario;

use super::code::Code;
use super::path::{KeyPath, Segment};
use super::report::{Fault, Report};
use super::schema::STRICT;
use super::shape::{self, Rule};
use super::tree::{Node, Value};

/// Most rounds: every round mends one value, and nobody reads more messages than this.
const ROUNDS_MAX: usize = 200;

/// Reads the tree; none where that fails in spite of all replacements, which has then been reported.
pub(super) fn read(report: &mut Report, document: &mut Node) -> Option<Scenario> {
    for _ in 0..ROUNDS_MAX {
        let error = match serde_path_to_error::deserialize::<_, Scenario>(document.to_json()) {
            Ok(scenario) => return Some(scenario),
            Err(error) => error,
        };
        let path = key_path(error.path());
        let rule = rule_at(&path);
        let message = error.inner().to_string();
        let origin = document.origin_at(&path).clone();
        if !report.is_tainted(&path) {
            report.push(&origin, Some(&path), explain(rule, &name_kind(&path, message)));
        }
        report.taint(&path);
        if !replace(document, &path, rule) {
            return None;
        }
    }
    None
}

fn key_path(path: &serde_path_to_error::Path) -> KeyPath {
    let segment = |segment: &TypedSegment| match segment {
        TypedSegment::Seq { index } => Some(Segment::Index(*index)),
        TypedSegment::Map { key } => Some(Segment::Key(key.clone())),
        TypedSegment::Enum { .. } | TypedSegment::Unknown => None,
    };
    path.iter().filter_map(segment).collect()
}

/// The rule for the value at a path.
fn rule_at(path: &KeyPath) -> Option<Rule<'static>> {
    let mut rule = shape::rule(&STRICT);
    for segment in path.segments() {
        let next = shape::alternatives(rule).into_iter().find_map(|one| match segment {
            Segment::Index(_) => one.schema.get("items"),
            Segment::Key(key) => shape::entry_schema(one.schema, key),
        });
        rule = shape::rule(next?);
    }
    Some(rule)
}

/// The message with the kind of name that the key holds: metrics and scenarios share their types with others.
fn name_kind(path: &KeyPath, message: String) -> String {
    let kind = match path.segments() {
        [Segment::Key(first), ..] if first == "scenario" => "scenario name",
        [Segment::Key(first), ..] if first == "metric" => "metric name",
        [.., Segment::Key(last)] if last == "check" => "metric name",
        _ => return message,
    };
    message.replace("cluster id", kind).replace("role name", kind)
}

/// The mistake, from the error of the type that refused the text. Our types say `what is wrong: what to write`.
fn explain(rule: Option<Rule<'_>>, message: &str) -> Fault {
    let format = rule.and_then(|rule| rule.schema.get("format")).and_then(serde_json::Value::as_str);
    let code = match (rule.and_then(|rule| rule.name), format) {
        (Some("ByteSize"), _) => Code::BadSize,
        (Some("Duration"), _) => Code::BadDuration,
        (Some("Selector"), _) => Code::BadSelector,
        (Some("ClusterId" | "RoleName"), _) => Code::BadName,
        (Some("Rate"), _) => Code::BadRate,
        (Some("Quorum"), _) => Code::BadQuorum,
        (Some("Mode"), _) => Code::BadMode,
        (Some("Signal"), _) => Code::BadSignal,
        (Some("PortRange"), _) => Code::BadPortRange,
        (_, Some("ip")) => Code::BadAddress,
        _ => Code::WrongType,
    };
    // What stands in backquotes is the user's own text and may hold a colon.
    let split_from = message.rfind('`').unwrap_or(0);
    match message[split_from..].split_once(": ") {
        Some((what, remedy)) => Fault::new(code, format!("{}{what}", &message[..split_from])).hint(remedy),
        None if code == Code::BadAddress => Fault::new(code, "not an IP address").hint("write one like \"127.84.0.1\""),
        None => Fault::new(code, message).hint("see `throng schema` for what belongs here"),
    }
}

/// Puts a stand-in at the path; whether that was possible.
fn replace(document: &mut Node, path: &KeyPath, rule: Option<Rule<'_>>) -> bool {
    let (Some(rule), Some(node)) = (rule, document.get_mut(path)) else { return false };
    if path.is_empty() {
        return false;
    }
    let value = if rule.schema.get("format").is_some_and(|format| format == "ip") {
        Value::Text("127.0.0.1".to_owned())
    } else {
        shape::stand_in(rule, &node.origin)
    };
    // The same stand-in again would be refused again.
    let changed = node.value != value;
    node.value = value;
    changed
}
