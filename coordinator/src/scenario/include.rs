//! `include`: a scenario that begins with what others say.

use std::collections::BTreeSet;

use super::code::Code;
use super::document::{Beside, read_text};
use super::merge;
use super::names::{SAFE_PATH_RULE, is_safe_path};
use super::parse;
use super::report::{Fault, Report};
use super::source::Origin;
use super::tree::{Node, Value};

/// The key.
const KEY: &str = "include";
/// Most files that are included in all: nobody follows more.
const INCLUDED_MAX: usize = 32;

/// What an `include` names and where; none of what is no text, which the shape forbids.
pub(super) fn names(node: &Node) -> Vec<(String, Origin)> {
    let list = node.table().and_then(|table| table.get(KEY)).map(|entry| &entry.node.value);
    let Some(Value::List(list)) = list else { return Vec::new() };
    let name = |node: &Node| match &node.value {
        Value::Text(name) => Some((name.clone(), node.origin.clone())),
        _ => None,
    };
    list.iter().filter_map(name).collect()
}

/// Merges files into a document, each after those that it includes.
#[derive(Debug)]
pub(super) struct Includer<'a> {
    beside: Beside<'a>,
    /// Each counts once, where it is named first.
    included: BTreeSet<String>,
    /// Those that are being read, each for the one before it.
    trail: Vec<String>,
}

impl<'a> Includer<'a> {
    pub(super) fn new(beside: Beside<'a>) -> Self {
        Self { beside, included: BTreeSet::new(), trail: Vec::new() }
    }

    /// Merges a source.
    pub(super) fn merge(&mut self, report: &mut Report, document: &mut Node, source: usize) {
        let mut node = parse::parse(report, source);
        self.trail.push(report.sources[source].name.clone());
        for (name, origin) in names(&node) {
            match self.find(&name) {
                Ok(None) => {}
                Ok(Some(content)) => {
                    let source = read_text(report, name, content.to_vec());
                    self.merge(report, document, source);
                }
                Err(fault) => report.push(&origin, None, fault),
            }
        }
        self.trail.pop();
        if !self.trail.is_empty() {
            // What it names has been read, and is not the scenario's own word, of which alone the shape is checked.
            let own = if let Value::Table(entries) = &mut node.value { entries.remove(KEY) } else { None };
            if let Some(entry) = own.filter(|entry| !is_texts(&entry.node)) {
                let fault = Fault::new(Code::WrongType, "expected a list of files");
                report.push(&entry.node.origin, None, fault.hint("write it like include = [\"base.toml\"]"));
            }
        }
        merge::overlay(document, node);
    }

    /// The content of a file that is named; none where it was included before.
    fn find(&mut self, name: &str) -> Result<Option<&'a [u8]>, Fault> {
        if name.contains('{') {
            let fault = Fault::new(Code::PlaceholderNotHere, format!("`{name}`: no placeholder is filled in here"));
            return Err(fault.hint("name the file itself: parameters come from what is included, too"));
        }
        if !is_safe_path(name) {
            let fault = Fault::new(Code::PathEscapes, format!("`{name}` is not a path below the scenario's folder"));
            return Err(fault.hint(SAFE_PATH_RULE));
        }
        if let Some(at) = self.trail.iter().position(|one| one == name) {
            let circle: Vec<&str> = self.trail[at..].iter().map(String::as_str).chain([name]).collect();
            let message = format!("the files include one another: {}", circle.join(" -> "));
            return Err(Fault::new(Code::IncludeCycle, message).hint("put what both need into a third file"));
        }
        let Some(content) = self.beside.get(name) else {
            let fault = Fault::new(Code::MissingFile, format!("there is no file `{name}` beside the scenario"));
            return Err(fault.hint("paths are relative to the scenario that is run, also those in what it includes"));
        };
        if !self.included.insert(name.to_owned()) {
            return Ok(None);
        }
        if self.included.len() > INCLUDED_MAX {
            let fault = Fault::new(Code::OutOfRange, format!("more than {INCLUDED_MAX} files are included"));
            return Err(fault.hint("put some of them into one"));
        }
        Ok(Some(content))
    }
}

fn is_texts(node: &Node) -> bool {
    matches!(&node.value, Value::List(list) if list.iter().all(|one| matches!(one.value, Value::Text(_))))
}
