//! Checking a document's shape against the schema: keys, types, words and ranges, all mistakes in one pass.
//!
//! What is wrong is reported, then removed, or replaced by a stand-in where something must be there; its path is
//! remembered as tainted. So the document can be read in spite of its mistakes, and the checks that follow find
//! theirs too.

use serde_json::Value as Json;

use super::code::Code;
use super::path::{KeyPath, Segment};
use super::report::{Fault, Report, suggest};
use super::schema::STRICT;
use super::shape_fault;
use super::source::Origin;
use super::tree::{Entry, Node, Value};

/// A schema with its references followed and its `null` alternative set aside.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule<'a> {
    pub(super) schema: &'a Json,
    /// The name of the type, like `Duration`.
    pub(super) name: Option<&'a str>,
}

/// Checks the whole document and leaves it in the shape that the types can read.
pub(super) fn check(report: &mut Report, document: &mut Node) {
    let mut checker = ShapeChecker { report, path: KeyPath::default() };
    checker.check(rule(&STRICT), document);
}

/// Whether the value may stay.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Keep,
    Drop,
}

struct ShapeChecker<'a> {
    report: &'a mut Report,
    path: KeyPath,
}

impl ShapeChecker<'_> {
    fn check(&mut self, rule: Rule<'_>, node: &mut Node) -> Fate {
        if self.report.is_tainted(&self.path) {
            return Fate::Drop;
        }
        if self.report.is_untyped(&self.path, &node.origin) {
            as_expected(rule, &mut node.value);
        }
        let Some(rule) = alternative(rule, &node.value) else {
            return self.refuse(node, shape_fault::wrong_type(rule, node));
        };
        if let Some(words) = words(rule.schema) {
            return self.check_word(&words, node);
        }
        let Some(kind) = kind(rule.schema) else { return Fate::Keep };
        match (kind, &mut node.value) {
            ("object", Value::Table(_)) => self.check_table(rule, node),
            ("array", Value::List(_)) => self.check_list(rule, node),
            ("string", Value::Text(_)) | ("boolean", Value::Flag(_)) => Fate::Keep,
            ("integer" | "number", Value::Integer(_)) | ("number", Value::Number(_)) => {
                match shape_fault::out_of_range(rule.schema, node) {
                    Some(fault) => self.refuse(node, fault),
                    None => Fate::Keep,
                }
            }
            _ => self.refuse(node, shape_fault::wrong_type(rule, node)),
        }
    }

    fn refuse(&mut self, node: &Node, fault: Fault) -> Fate {
        self.report.push(&node.origin, Some(&self.path), fault);
        Fate::Drop
    }

    fn check_word(&mut self, words: &[&str], node: &Node) -> Fate {
        match &node.value {
            Value::Text(text) if words.contains(&text.as_str()) => Fate::Keep,
            Value::Text(text) => {
                let message = format!("`{text}` is not known here: write one of {}", words.join(", "));
                let hint = suggest(text, words.iter().copied(), "");
                self.refuse(node, Fault::new(Code::UnknownValue, message).hint(hint))
            }
            other => {
                let message = format!("expected one of {}, found {}", words.join(", "), other.kind());
                let hint = format!("write it in quotes, like \"{}\"", words.first().copied().unwrap_or_default());
                self.refuse(node, Fault::new(Code::WrongType, message).hint(hint))
            }
        }
    }

    fn check_list(&mut self, rule: Rule<'_>, node: &mut Node) -> Fate {
        let Value::List(list) = &mut node.value else { return Fate::Keep };
        if list.is_empty() && rule.schema.get("minItems").and_then(Json::as_u64).unwrap_or(0) > 0 {
            let fault = Fault::new(Code::EmptyList, format!("`{}` must not be empty", self.path));
            return self.refuse(node, fault.hint("give it at least one entry"));
        }
        let items = self::rule(rule.schema.get("items").unwrap_or(&Json::Bool(true)));
        for (index, item) in list.iter_mut().enumerate() {
            self.path.push(index);
            if self.check(items, item) == Fate::Drop {
                // Removing it would shift the indices that later messages name.
                self.report.taint(&self.path);
                item.value = stand_in(items, &item.origin);
            }
            self.path.pop();
        }
        Fate::Keep
    }

    fn check_table(&mut self, rule: Rule<'_>, node: &mut Node) -> Fate {
        let required = required(rule.schema);
        let header = node.origin.clone();
        let Value::Table(table) = &mut node.value else { return Fate::Keep };
        table.retain(|key, entry| {
            self.path.push(Segment::Key(key.clone()));
            let keep = self.check_entry(rule, key, entry, required.contains(&key.as_str()));
            self.path.pop();
            keep
        });
        for key in required {
            if table.contains_key(key) {
                continue;
            }
            let path = self.path.join(key);
            if !self.report.is_tainted(&path) {
                let fault = shape_fault::missing(&self.path, key, property(rule.schema, key));
                self.report.push(&header, Some(&path), fault);
                self.report.taint(&path);
            }
            let value = stand_in(property(rule.schema, key), &header);
            let node = Node { origin: header.clone(), value };
            table.insert(key.to_owned(), Entry { key: header.clone(), node });
        }
        Fate::Keep
    }

    /// Whether the entry stays in its table.
    fn check_entry(&mut self, table: Rule<'_>, key: &str, entry: &mut Entry, required: bool) -> bool {
        let Some(schema) = entry_schema(table.schema, key) else {
            let fault = shape_fault::unknown_key(&self.path, key, table.schema);
            self.report.push(&entry.key, Some(&self.path), fault);
            return false;
        };
        let rule = rule(schema);
        if self.check(rule, &mut entry.node) == Fate::Keep {
            return true;
        }
        self.report.taint(&self.path);
        entry.node.value = stand_in(rule, &entry.node.origin);
        required
    }
}

/// Follows references, and sets aside the alternative `null`, which a document cannot say.
pub(super) fn rule(schema: &Json) -> Rule<'_> {
    let mut current = Rule { schema, name: None };
    // References do not nest deeply; the bound guards against one that leads to itself.
    for _ in 0..8 {
        if let Some(name) = current.schema.get("$ref").and_then(Json::as_str).and_then(|to| to.strip_prefix("#/$defs/"))
        {
            current = Rule { schema: &STRICT["$defs"][name], name: Some(name) };
        } else if let Some(only) = only_alternative(current.schema) {
            current = Rule { schema: only, name: current.name };
        } else {
            break;
        }
    }
    current
}

/// The one alternative beside `null`.
fn only_alternative(schema: &Json) -> Option<&Json> {
    let all = schema.get("anyOf")?.as_array()?;
    let mut others = all.iter().filter(|one| one.get("type").is_none_or(|kind| kind != "null"));
    let first = others.next()?;
    others.next().is_none().then_some(first)
}

/// The alternatives of a value that may have several shapes; just itself where it has one.
pub(super) fn alternatives(of: Rule<'_>) -> Vec<Rule<'_>> {
    match of.schema.get("anyOf").and_then(Json::as_array) {
        None => vec![of],
        Some(all) => all
            .iter()
            .map(|one| {
                let found = rule(one);
                Rule { schema: found.schema, name: found.name.or(of.name) }
            })
            .collect(),
    }
}

/// The alternative that fits the value's type.
fn alternative<'a>(of: Rule<'a>, value: &Value) -> Option<Rule<'a>> {
    let all = alternatives(of);
    if let [only] = all[..] {
        return Some(only);
    }
    all.into_iter().find(|one| fits(*one, value))
}

/// Whether a value has the type of this rule, which is no choice between several.
fn fits(rule: Rule<'_>, value: &Value) -> bool {
    matches!(
        (expected(rule), value),
        (None, _)
            | (Some("object"), Value::Table(_))
            | (Some("array"), Value::List(_))
            | (Some("string"), Value::Text(_))
            | (Some("boolean"), Value::Flag(_))
            | (Some("integer"), Value::Integer(_))
            | (Some("number"), Value::Integer(_) | Value::Number(_))
    )
}

/// The type of this rule's values, words being text; none for any type.
fn expected(rule: Rule<'_>) -> Option<&str> {
    if words(rule.schema).is_some() { Some("string") } else { kind(rule.schema) }
}

/// Gives a value the type that is expected where it stands, if it can have it: the number 7 as a word of a command, the
/// text `5` as a count. One that cannot stays as it is, and is refused.
fn as_expected(rule: Rule<'_>, value: &mut Value) {
    let all = alternatives(rule);
    if all.iter().any(|one| fits(*one, value)) {
        return;
    }
    let converted = all.into_iter().find_map(|one| match (expected(one)?, &*value) {
        ("integer", Value::Text(text)) => text.parse().ok().map(Value::Integer),
        ("number", Value::Text(text)) => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Number),
        ("boolean", Value::Text(text)) => text.parse().ok().map(Value::Flag),
        ("string", plain) => plain.plain_text().map(Value::Text),
        _ => None,
    });
    if let Some(converted) = converted {
        *value = converted;
    }
}

/// The JSON type, `null` set aside; none for a value of any type.
pub(super) fn kind(schema: &Json) -> Option<&str> {
    match schema.get("type")? {
        Json::Array(several) => several.iter().filter_map(Json::as_str).find(|kind| *kind != "null"),
        one => one.as_str(),
    }
}

/// The words of an enum.
pub(super) fn words(schema: &Json) -> Option<Vec<&str>> {
    if let Some(all) = schema.get("oneOf") {
        return all.as_array()?.iter().map(|one| one.get("const").and_then(Json::as_str)).collect();
    }
    schema.get("enum")?.as_array()?.iter().map(Json::as_str).collect()
}

fn required(schema: &Json) -> Vec<&str> {
    schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect()
}

/// The rule of a property.
pub(super) fn property<'a>(schema: &'a Json, key: &str) -> Rule<'a> {
    rule(&schema["properties"][key])
}

/// The schema of an entry: a property's, or that of all entries of a map.
pub(super) fn entry_schema<'a>(schema: &'a Json, key: &str) -> Option<&'a Json> {
    if let Some(known) = schema.get("properties").and_then(|all| all.get(key)) {
        return Some(known);
    }
    if let Some(patterns) = schema.get("patternProperties").and_then(Json::as_object) {
        // The only pattern that keys have is that of names.
        return patterns.values().next().filter(|_| throng_common::ids::RoleName::new(key).is_ok());
    }
    schema.get("additionalProperties").filter(|more| **more != Json::Bool(false))
}

/// A value that the types accept, for one that is missing or wrong. Nothing is said about it: its path is tainted.
pub(super) fn stand_in(rule: Rule<'_>, origin: &Origin) -> Value {
    let text = |text: &str| Value::Text(text.to_owned());
    let rule = alternatives(rule).into_iter().next().unwrap_or(rule);
    if let Some(word) = words(rule.schema).and_then(|words| words.first().map(|word| text(word))) {
        return word;
    }
    match (rule.name, kind(rule.schema)) {
        (Some("ByteSize"), _) => text("1B"),
        (Some("Duration"), _) => text("1s"),
        (Some("Selector"), _) => text("all"),
        (Some("ClusterId" | "RoleName"), _) => text("unnamed"),
        (Some("PortRange"), _) => text("20000-32000"),
        (Some("Mode"), _) => text("0644"),
        (Some("Signal"), _) => text("TERM"),
        (Some("Quorum"), _) => text("100%"),
        (Some("Rate"), _) => text("1/s"),
        (_, Some("integer" | "number")) => Value::Integer(1),
        (_, Some("boolean")) => Value::Flag(false),
        (_, Some("array")) => Value::List(Vec::new()),
        (_, Some("object")) => {
            let entry = |key: &str| {
                let node = Node { origin: origin.clone(), value: stand_in(property(rule.schema, key), origin) };
                (key.to_owned(), Entry { key: origin.clone(), node })
            };
            Value::Table(required(rule.schema).into_iter().map(entry).collect())
        }
        _ => text("x"),
    }
}
