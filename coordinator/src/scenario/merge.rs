//! Overlays and `--set`: changing a scenario without editing it.
//!
//! Tables are merged deeply; lists are replaced whole, but for lists of named tables (`[[test]]`, `[[metric]]`),
//! which are merged by `name`: a known name is changed in place, a new one is added at the end.

use super::code::Code;
use super::path::{KeyPath, Segment};
use super::report::{Fault, Report, suggest};
use super::source::Origin;
use super::tree::{Entry, Node, Value};

/// The lists whose tables are told apart by their name.
const NAMED_LISTS: [&str; 2] = ["test", "metric"];

/// Merges an overlay into a document.
pub(super) fn overlay(base: &mut Node, over: Node) {
    let Value::Table(entries) = over.value else { return };
    for (key, entry) in entries {
        merge_entry(base, &key, entry, true);
    }
}

fn merge_entry(base: &mut Node, key: &str, entry: Entry, at_root: bool) {
    let Some(table) = base.table_mut() else { return };
    let Some(known) = table.get_mut(key) else {
        table.insert(key.to_owned(), entry);
        return;
    };
    match (&mut known.node.value, entry.node.value) {
        (Value::Table(_), Value::Table(entries)) => {
            for (key, entry) in entries {
                merge_entry(&mut known.node, &key, entry, false);
            }
        }
        (Value::List(list), Value::List(over)) if at_root && NAMED_LISTS.contains(&key) => merge_named(list, over),
        (_, value) => *known = Entry { key: entry.key, node: Node { origin: entry.node.origin, value } },
    }
}

fn merge_named(list: &mut Vec<Node>, over: Vec<Node>) {
    for item in over {
        let known = name_of(&item).and_then(|name| list.iter().position(|one| name_of(one) == Some(name)));
        match (known, item.value) {
            (Some(at), Value::Table(entries)) => {
                for (key, entry) in entries {
                    merge_entry(&mut list[at], &key, entry, false);
                }
            }
            (_, value) => list.push(Node { origin: item.origin, value }),
        }
    }
}

fn name_of(node: &Node) -> Option<&str> {
    match &node.table()?.get("name")?.node.value {
        Value::Text(name) => Some(name),
        _ => None,
    }
}

/// Applies one `--set` (the source's text): `role.worker.count=5`, `test."some name".repeat=3`.
///
/// The value is read as TOML where it is that, else it is text: `--set role.worker.image=redis:7` needs no quotes.
pub(super) fn set(report: &mut Report, source: usize, base: &mut Node) {
    let text = report.sources[source].text.clone();
    let whole = Origin { source, span: 0..text.len() };
    let wrong =
        |message: String| Fault::new(Code::BadSet, message).hint("write --set KEY=VALUE, like --set param.workers=20");
    let Some((path, equals)) = parse_key(&text) else {
        report.push(&whole, None, wrong(format!("`{text}` is not KEY=VALUE")));
        return;
    };
    let value = &text[equals + 1..];
    let origin = Origin { source, span: equals + 1..text.len() };
    let node = Node { value: parse_value(value, &origin), origin };
    match &path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // A text may refer to it, that no file defines: whether one does is known later.
        ["param", name] if !names(base, "param").contains(name) => {
            report.note_set_param((*name).to_owned(), whole.clone());
        }
        ["role", name, _, ..] if !names(base, "role").contains(name) => {
            let hint = suggest(name, names(base, "role"), "write the role into a file");
            let fault = Fault::new(Code::UnknownRole, format!("the scenario has no role `{name}`")).hint(hint);
            return report.push(&whole, None, fault);
        }
        _ => {}
    }
    if let Err(at) = put(base, &path, node) {
        let message = format!("`{at}` is not a table or a known list entry, so nothing can be set inside it");
        report.push(&whole, None, wrong(message));
    }
}

/// The names of the entries of a table at the root of a document.
fn names<'a>(document: &'a Node, table: &str) -> Vec<&'a str> {
    let found = document.get(&KeyPath::from_iter([table])).and_then(Node::table);
    found.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

/// The path before the equals sign, and where that stands.
fn parse_key(text: &str) -> Option<(Vec<String>, usize)> {
    // A quoted part of the key may hold an equals sign: the first that leaves a key before it is the one.
    let mut found = text.match_indices('=').filter_map(|(at, _)| Some((key_segments(&text[..at])?, at)));
    found.next()
}

fn key_segments(key: &str) -> Option<Vec<String>> {
    let document = format!("{key}=0");
    let mut table = toml::from_str::<toml::Table>(&document).ok()?;
    let mut segments = Vec::new();
    loop {
        let (key, value) = std::mem::take(&mut table).into_iter().next()?;
        segments.push(key);
        match value {
            toml::Value::Table(next) => table = next,
            _ => return Some(segments),
        }
    }
}

fn parse_value(text: &str, origin: &Origin) -> Value {
    let as_text = || Value::Text(text.to_owned());
    let Ok(mut table) = toml::from_str::<toml::Table>(&format!("value={text}")) else { return as_text() };
    match (table.remove("value"), table.is_empty()) {
        (Some(value), true) => convert(value, origin).unwrap_or_else(as_text),
        _ => as_text(),
    }
}

/// A TOML value as a tree whose every place is that of the whole; none where it has no meaning in a scenario.
fn convert(value: toml::Value, origin: &Origin) -> Option<Value> {
    let node = |value| Some(Node { origin: origin.clone(), value: convert(value, origin)? });
    Some(match value {
        toml::Value::String(text) => Value::Text(text),
        toml::Value::Integer(number) => Value::Integer(number),
        toml::Value::Float(number) if number.is_finite() => Value::Number(number),
        toml::Value::Boolean(flag) => Value::Flag(flag),
        toml::Value::Float(_) | toml::Value::Datetime(_) => return None,
        toml::Value::Array(list) => Value::List(list.into_iter().map(node).collect::<Option<_>>()?),
        toml::Value::Table(table) => {
            let entry = |(key, value)| Some((key, Entry { key: origin.clone(), node: node(value)? }));
            Value::Table(table.into_iter().map(entry).collect::<Option<_>>()?)
        }
    })
}

/// Puts a value at a path, making tables on the way; the path of what stands in the way as error.
fn put(base: &mut Node, path: &[String], value: Node) -> Result<(), KeyPath> {
    let mut at = KeyPath::default();
    let mut node = base;
    let (last, before) = path.split_last().ok_or_else(KeyPath::default)?;
    for key in before {
        let origin = value.origin.clone();
        let here = at.clone();
        at.push(Segment::Key(key.clone()));
        node = match &mut node.value {
            Value::Table(table) => {
                let empty = || Node { origin: origin.clone(), value: Value::Table(std::collections::BTreeMap::new()) };
                &mut table.entry(key.clone()).or_insert_with(|| Entry { key: origin.clone(), node: empty() }).node
            }
            Value::List(list) => {
                let found = position(list, key).ok_or_else(|| at.clone())?;
                &mut list[found]
            }
            _ => return Err(here),
        };
    }
    match &mut node.value {
        Value::Table(table) => {
            table.insert(last.clone(), Entry { key: value.origin.clone(), node: value });
            Ok(())
        }
        Value::List(list) => {
            let found = position(list, last).ok_or_else(|| at.join(Segment::Key(last.clone())))?;
            list[found] = value;
            Ok(())
        }
        _ => Err(at),
    }
}

/// The entry of a list that a key means: by its name, else by its index.
fn position(list: &[Node], key: &str) -> Option<usize> {
    let by_name = list.iter().position(|item| name_of(item) == Some(key));
    by_name.or_else(|| key.parse().ok().filter(|index| *index < list.len()))
}
