//! The one document that a scenario, its overlays and its `--set`s come to.

use std::collections::BTreeMap;

use super::include::{self, Includer};
use super::report::Report;
use super::source::Source;
use super::{merge, params, parse};
use crate::scenario::code::Code;
use crate::scenario::diagnostic::SET;
use crate::scenario::report::Fault;
use crate::scenario::source::Origin;
use crate::scenario::tree::{Node, Value};

/// Largest scenario or overlay, in bytes: a thousand times the usual one. Data belong into files beside it.
pub(super) const TEXT_MAX_BYTES: usize = 1 << 20;

/// What lies beside the scenario, by path below its folder.
pub(crate) type Beside<'a> = &'a BTreeMap<String, Vec<u8>>;

/// The texts in the order in which they apply.
#[derive(Debug, Clone)]
pub(crate) struct Texts<'a> {
    /// The scenario, then its overlays: name and content.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// What they may include.
    pub(crate) beside: Beside<'a>,
    /// The `--set`s.
    pub(crate) sets: Vec<String>,
}

/// Reads and merges all texts and fills in the parameters; the report holds what was wrong on the way.
pub(super) fn read(texts: Texts<'_>) -> (Report, Node) {
    let mut report = Report::new(Vec::new());
    let mut document = Node { origin: Origin { source: 0, span: 0..0 }, value: Value::Table(BTreeMap::new()) };
    let mut includer = Includer::new(texts.beside);
    for (name, content) in texts.files {
        let source = read_text(&mut report, name, content);
        includer.merge(&mut report, &mut document, source);
    }
    for text in texts.sets {
        report.sources.push(Source { name: SET.to_owned(), text });
        let source = report.sources.len() - 1;
        merge::set(&mut report, source, &mut document);
    }
    params::substitute(&mut report, &mut document);
    (report, document)
}

/// What a file includes, as it is written there. Mistakes are passed over.
pub(super) fn included(content: &[u8]) -> Vec<String> {
    let mut report = Report::new(Vec::new());
    let source = read_text(&mut report, String::new(), content.to_vec());
    let node = parse::parse(&mut report, source);
    include::names(&node).into_iter().map(|(name, _)| name).collect()
}

/// Adds a file to the sources; which one it is.
pub(super) fn read_text(report: &mut Report, name: String, content: Vec<u8>) -> usize {
    let source = report.sources.len();
    let mut wrong = Vec::new();
    // Texts have none; of a program or an archive a parser has nothing to say that helps.
    let is_binary = content.contains(&0);
    let content = if is_binary { Vec::new() } else { content };
    let text = String::from_utf8(content).unwrap_or_else(|error| {
        // Before the first byte that is none, nothing is replaced: its place is the same in what is shown.
        let first = error.utf8_error().valid_up_to();
        let replaced = first..first + char::REPLACEMENT_CHARACTER.len_utf8();
        wrong.push((replaced, "the file is not UTF-8 text: this byte is none"));
        String::from_utf8_lossy(error.as_bytes()).into_owned()
    });
    if is_binary {
        wrong.push((0..0, "the file is not a text"));
    }
    let is_too_large = text.len() > TEXT_MAX_BYTES;
    if is_too_large {
        wrong.push((0..0, "the file is larger than 1 MiB"));
    }
    report.sources.push(Source { name, text: if is_too_large { String::new() } else { text } });
    for (span, message) in wrong {
        let fault = Fault::new(Code::Syntax, message).hint("a scenario is a TOML file of at most 1 MiB");
        report.push(&Origin { source, span }, None, fault);
    }
    source
}
