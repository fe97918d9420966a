//! The one document that a scenario, its overlays and its `--set`s come to.

use super::report::Report;
use super::source::Source;
use super::{merge, params, parse};
use crate::scenario::code::Code;
use crate::scenario::diagnostic::SET;
use crate::scenario::report::Fault;
use crate::scenario::source::Origin;
use crate::scenario::tree::Node;

/// Largest scenario or overlay, in bytes: a thousand times the usual one. Data belong into files beside it.
pub(super) const TEXT_MAX_BYTES: usize = 1 << 20;

/// The texts in the order in which they apply.
#[derive(Debug, Clone, Default)]
pub(crate) struct Texts {
    /// The scenario, then its overlays: name and content.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// The `--set`s.
    pub(crate) sets: Vec<String>,
}

/// Reads and merges all texts and fills in the parameters; the report holds what was wrong on the way.
pub(super) fn read(texts: Texts) -> (Report, Node) {
    let files = texts.files.len();
    let mut sources = Vec::new();
    let mut unreadable = Vec::new();
    for (name, content) in texts.files {
        let text = String::from_utf8(content).unwrap_or_else(|error| {
            // Before the first byte that is none, nothing is replaced: its place is the same in what is shown.
            let first = error.utf8_error().valid_up_to();
            let replaced = first..first + char::REPLACEMENT_CHARACTER.len_utf8();
            unreadable.push((sources.len(), replaced, "the file is not UTF-8 text: this byte is none"));
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        });
        if text.len() > TEXT_MAX_BYTES {
            unreadable.push((sources.len(), 0..0, "the file is larger than 1 MiB"));
        }
        sources.push(Source { name, text: if text.len() > TEXT_MAX_BYTES { String::new() } else { text } });
    }
    sources.extend(texts.sets.into_iter().map(|text| Source { name: SET.to_owned(), text }));
    let count = sources.len();
    let mut report = Report::new(sources);
    for (source, span, message) in unreadable {
        let fault = Fault::new(Code::Syntax, message).hint("a scenario is a TOML file of at most 1 MiB");
        report.push(&Origin { source, span }, None, fault);
    }
    let mut document = parse::parse(&mut report, 0);
    for source in 1..files {
        let over = parse::parse(&mut report, source);
        merge::overlay(&mut document, over);
    }
    for source in files..count {
        merge::set(&mut report, source, &mut document);
    }
    params::substitute(&mut report, &mut document);
    (report, document)
}
