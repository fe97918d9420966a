//! Filling in `{param.X}` throughout a document.
//!
//! A text that is nothing but one parameter becomes the parameter's value, whatever its type. What its key expects is
//! known later: `shape` gives a value that was filled in the type of its key. Parameters may refer to parameters.

use std::collections::{BTreeMap, BTreeSet};

use throng_common::scenario::placeholder::{self, Placeholder};

use super::code::Code;
use super::path::{KeyPath, Segment};
use super::report::{Fault, Report, suggest};
use super::tree::{Node, Value};

/// Longest text that parameters may grow to, in bytes: parameters of parameters double with every step.
const TEXT_MAX_BYTES: usize = 256 << 10;

/// Most parameters that may refer to one another in a row: a guard for the stack.
const CHAIN_MAX: usize = 50;

/// Longest parameter that a message shows, in characters.
const SHOWN_MAX_CHARS: usize = 40;

/// All bytes that parameters may add to a document.
const ADDED_MAX_BYTES: usize = 8 << 20;

/// Fills in every parameter of the document.
pub(super) fn substitute(report: &mut Report, document: &mut Node) {
    let raw = params(document);
    let mut filler = Filler { report, raw, resolved: BTreeMap::new(), used: BTreeSet::new(), added: 0 };
    let names: Vec<String> = filler.raw.keys().cloned().collect();
    for name in names {
        filler.resolve(&name, &mut Vec::new());
    }
    filler.fill(document, &mut KeyPath::default());
    filler.demand_use();
}

/// The parameters as they are written: only plain values; anything else is reported when types are checked.
fn params(document: &Node) -> BTreeMap<String, Node> {
    let table = document.get(&KeyPath::from_iter(["param"])).and_then(Node::table);
    let plain = |node: &Node| !matches!(node.value, Value::List(_) | Value::Table(_));
    let entries = table.into_iter().flatten().filter(|(_, entry)| plain(&entry.node));
    entries.map(|(name, entry)| (name.clone(), entry.node.clone())).collect()
}

struct Filler<'a> {
    report: &'a mut Report,
    raw: BTreeMap<String, Node>,
    /// What each parameter comes to; none where it cannot be told, which has been reported.
    resolved: BTreeMap<String, Option<Value>>,
    /// Those that a text refers to.
    used: BTreeSet<String>,
    added: usize,
}

impl Filler<'_> {
    /// A parameter's value; `open` are those being resolved, outermost first.
    fn resolve(&mut self, name: &str, open: &mut Vec<String>) -> Option<Value> {
        if let Some(done) = self.resolved.get(name) {
            return done.clone();
        }
        let node = self.raw.get(name)?.clone();
        let path = KeyPath::from_iter(["param", name]);
        if let Some(start) = open.iter().position(|one| one == name) {
            let round: Vec<&str> = open[start..].iter().map(String::as_str).chain([name]).collect();
            let message = format!("the parameters refer to one another: {}", round.join(" -> "));
            let fault = Fault::new(Code::ParamCycle, message).hint("give one of them a value of its own");
            self.report.push(&node.origin, Some(&path), fault);
            self.resolved.insert(name.to_owned(), None);
            return None;
        }
        if open.len() >= CHAIN_MAX {
            let message = format!("more than {CHAIN_MAX} parameters refer to one another in a row");
            let fault = Fault::new(Code::ParamTooLong, message).hint("shorten the chain");
            self.report.push(&node.origin, Some(&path), fault);
            self.resolved.insert(name.to_owned(), None);
            return None;
        }
        open.push(name.to_owned());
        let value = match &node.value {
            Value::Text(text) => self.text(text, &node, &path, open),
            other => Some(other.clone()),
        };
        open.pop();
        // One that is part of a cycle stays without a value, whatever it came to on the way back.
        let value = self.resolved.get(name).map_or(value, Clone::clone);
        self.resolved.insert(name.to_owned(), value.clone());
        value
    }

    fn fill(&mut self, node: &mut Node, path: &mut KeyPath) {
        match &mut node.value {
            Value::Table(table) => {
                for (key, entry) in table {
                    path.push(Segment::Key(key.clone()));
                    self.fill(&mut entry.node, path);
                    path.pop();
                }
            }
            Value::List(list) => {
                for (index, item) in list.iter_mut().enumerate() {
                    path.push(index);
                    self.fill(item, path);
                    path.pop();
                }
            }
            Value::Text(text) if text.contains("{param.") => {
                let text = text.clone();
                let known = match path.segments() {
                    [Segment::Key(root), Segment::Key(name)] if root == "param" => self.resolved.get(name).cloned(),
                    _ => None,
                };
                let value = known.unwrap_or_else(|| self.text(&text, node, path, &mut Vec::new()));
                match value {
                    Some(value) => {
                        self.report.note_filled(path, note(&text, &value));
                        node.value = value;
                    }
                    None => self.report.taint(path),
                }
            }
            Value::Flag(_) | Value::Integer(_) | Value::Number(_) | Value::Text(_) | Value::Date(_) => {}
        }
    }

    /// What a text comes to; none, and reported, where a parameter of it has no value.
    fn text(&mut self, text: &str, node: &Node, path: &KeyPath, open: &mut Vec<String>) -> Option<Value> {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        let mut whole = true;
        for found in placeholder::find(text) {
            let Ok(Placeholder::Param(name)) = found.placeholder else { continue };
            self.used.insert(name.clone());
            if !self.raw.contains_key(&name) {
                self.undefined(&name, &text[found.range.clone()], node, path);
                whole = false;
                continue;
            }
            let Some(value) = self.resolve(&name, open) else {
                whole = false;
                continue;
            };
            if found.range == (0..text.len()) {
                return Some(value);
            }
            out.push_str(&text[at..found.range.start]);
            out.push_str(&plain(&value));
            at = found.range.end;
            if out.len() > TEXT_MAX_BYTES || self.added > ADDED_MAX_BYTES {
                self.too_long(node, path);
                return None;
            }
        }
        out.push_str(&text[at..]);
        self.added += out.len();
        whole.then_some(Value::Text(out))
    }

    /// A parameter that is set, that no file defines and to which no text refers is a slip of the pen.
    fn demand_use(&mut self) {
        let set = self.report.set_params();
        for (name, origin) in set.iter().filter(|(name, _)| !self.used.contains(*name)) {
            let known = self.raw.keys().filter(|known| !set.contains_key(*known)).map(String::as_str);
            let hint = suggest(name, known, "the scenario has no parameters");
            let fault = Fault::new(Code::UndefinedParam, format!("the scenario has no parameter `{name}`")).hint(hint);
            self.report.push(origin, None, fault);
        }
    }

    fn undefined(&mut self, name: &str, written: &str, node: &Node, path: &KeyPath) {
        let hint = suggest(name, self.raw.keys().map(String::as_str), "define it under [param]");
        let message = format!("there is no parameter `{name}`");
        self.report.push(
            &node.origin,
            Some(path),
            Fault::new(Code::UndefinedParam, message).hint(hint).within(written),
        );
    }

    fn too_long(&mut self, node: &Node, path: &KeyPath) {
        let message = format!("with its parameters filled in, the text is longer than {} KiB", TEXT_MAX_BYTES >> 10);
        let fault = Fault::new(Code::ParamTooLong, message).hint("shorten the parameters that it refers to");
        self.report.push(&node.origin, Some(path), fault);
    }
}

/// What a message says of a value that was filled in, in one line.
fn note(written: &str, value: &Value) -> String {
    let is_whole = placeholder::find(written).first().is_some_and(|found| found.range == (0..written.len()));
    if is_whole { format!("{written} is {}", shown(value)) } else { format!("filled in, it is {}", shown(value)) }
}

/// A value as a scenario writes it, cut to a length that fits a message.
fn shown(value: &Value) -> String {
    let text = plain(value);
    let cut: String = text.chars().take(SHOWN_MAX_CHARS).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    match value {
        Value::Text(_) => format!("\"{}{more}\"", cut.escape_debug()),
        _ => format!("{cut}{more}"),
    }
}

/// A plain value as a part of a text. Only such are parameters.
fn plain(value: &Value) -> String {
    value.plain_text().unwrap_or_default()
}
