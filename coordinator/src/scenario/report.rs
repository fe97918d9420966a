//! Collecting mistakes: from a place in the tree to a diagnostic.

use std::collections::{BTreeMap, BTreeSet};

use super::code::Code;
use super::diagnostic::{Diagnostic, SET, Severity};
use super::path::KeyPath;
use super::source::{Origin, Source};

/// Most mistakes that are shown; the rest are counted. A file with more is mended in rounds.
const DIAGNOSTICS_MAX: usize = 100;

/// Most mistakes that are kept while looking for more: each costs a walk through the text to its line.
const FOUND_MAX: usize = 1_000;

/// Nearest known word further away than this (Jaro-Winkler similarity, 0 to 1) is no suggestion.
const SIMILARITY_MIN: f64 = 0.72;

/// A mistake, before its place is known.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) severity: Severity,
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// The part of the value that is to be underlined, where not all of it.
    pub(super) within: Option<String>,
}

impl Fault {
    /// An error.
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, message: message.into(), hint: None, within: None }
    }

    /// A warning.
    pub(super) fn warning(code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::new(code, message) }
    }

    /// With what to do about it.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With only this part of the value underlined.
    pub(super) fn within(mut self, fragment: impl Into<String>) -> Self {
        self.within = Some(fragment.into());
        self
    }
}

/// All mistakes found so far.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) sources: Vec<Source>,
    found: Vec<Diagnostic>,
    /// How many were found beyond [`FOUND_MAX`].
    beyond: usize,
    /// Where a value was wrong and has been replaced: what later checks say of it would only confuse.
    tainted: BTreeSet<KeyPath>,
    /// Parameters that only a `--set` defines, each with its place.
    set_params: BTreeMap<String, Origin>,
    /// Values that parameters were filled into, with what messages say of them.
    filled: BTreeMap<KeyPath, String>,
}

impl Report {
    pub(super) fn new(sources: Vec<Source>) -> Self {
        Self {
            sources,
            found: Vec::new(),
            beyond: 0,
            tainted: BTreeSet::new(),
            set_params: BTreeMap::new(),
            filled: BTreeMap::new(),
        }
    }

    /// Adds a mistake at this place.
    pub(super) fn push(&mut self, origin: &Origin, path: Option<&KeyPath>, fault: Fault) {
        if self.found.len() >= FOUND_MAX {
            self.beyond += 1;
            return;
        }
        let source = &self.sources[origin.source];
        let span =
            fault.within.as_deref().map_or_else(|| origin.span.clone(), |part| source.within(&origin.span, part));
        let place = source.place(span.start);
        let is_of_the_value = fault.within.is_none() && fault.code != Code::UnknownKey;
        let filled = path.and_then(|path| self.filled.get(path)).filter(|_| is_of_the_value);
        let message = filled.map_or_else(|| fault.message.clone(), |note| format!("{} ({note})", fault.message));
        self.found.push(Diagnostic {
            severity: fault.severity,
            code: fault.code,
            message,
            file: source.name.clone(),
            line: place.line,
            column: place.column,
            span,
            path: path.filter(|path| !path.is_empty()).map(ToString::to_string),
            hint: fault.hint,
            excerpt: place.excerpt,
        });
    }

    /// Adds a file that the scenario names, once; gives its number.
    pub(super) fn add_source(&mut self, name: &str, text: &str) -> usize {
        if let Some(known) = self.sources.iter().position(|source| source.name == name) {
            return known;
        }
        self.sources.push(Source { name: name.to_owned(), text: text.to_owned() });
        self.sources.len() - 1
    }

    /// Remembers that the value at this path is not what the file says.
    pub(super) fn taint(&mut self, path: &KeyPath) {
        self.tainted.insert(path.clone());
    }

    /// Whether the value at this path, or one that holds it, is not what the file says.
    pub(super) fn is_tainted(&self, path: &KeyPath) -> bool {
        !self.tainted.is_empty() && path.prefixes().any(|prefix| self.tainted.contains(&prefix))
    }

    /// Whether something at, above or below this path is not what the file says.
    pub(super) fn is_doubtful(&self, path: &KeyPath) -> bool {
        // In the set's order what lies below a path follows it.
        let below = self.tainted.range(path..).next().is_some_and(|tainted| tainted.is_within(path));
        below || self.is_tainted(path)
    }

    /// Remembers that parameters were filled into the value at this path, with what messages say of it.
    pub(super) fn note_filled(&mut self, path: &KeyPath, note: String) {
        self.filled.insert(path.clone(), note);
    }

    /// Remembers a parameter that a `--set` gives a value and no file does.
    pub(super) fn note_set_param(&mut self, name: String, origin: Origin) {
        self.set_params.insert(name, origin);
    }

    /// Parameters that only a `--set` defines, each with its place.
    pub(super) fn set_params(&self) -> BTreeMap<String, Origin> {
        self.set_params.clone()
    }

    /// Whether whoever wrote this value could not choose its type: parameters were filled in, or it came by `--set`.
    pub(super) fn is_untyped(&self, path: &KeyPath, origin: &Origin) -> bool {
        self.sources[origin.source].name == SET || self.filled.contains_key(path)
    }

    /// Whether there is an error so far.
    pub(super) fn has_errors(&self) -> bool {
        self.found.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Whether there is one of this kind so far.
    pub(super) fn has(&self, code: Code) -> bool {
        self.found.iter().any(|diagnostic| diagnostic.code == code)
    }

    /// All of them, in the order of the files, each once, at most [`DIAGNOSTICS_MAX`].
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        let rank = |name: &str| self.sources.iter().position(|source| source.name == name);
        self.found
            .sort_by_cached_key(|one| (rank(&one.file), one.span.start, one.severity, one.code, one.path.clone()));
        self.found.dedup();
        let more = self.found.len().saturating_sub(DIAGNOSTICS_MAX) + self.beyond;
        if more > 0 {
            self.found.truncate(DIAGNOSTICS_MAX);
            let last = self.found.last().cloned().expect("the list was just cut to a positive length");
            self.found.push(Diagnostic {
                severity: Severity::Error,
                code: Code::TooMany,
                message: format!("{more} more mistakes are not shown"),
                hint: Some("mend those above first".to_owned()),
                path: None,
                ..last
            });
        }
        self.found
    }
}

/// The known word nearest to `word`, as a hint; else all known words.
pub(crate) fn suggest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, nothing_known: &str) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let folded = word.to_lowercase();
    let near = known.iter().map(|one| (strsim::jaro_winkler(&folded, &one.to_lowercase()), *one));
    match near.max_by(|a, b| a.0.total_cmp(&b.0)) {
        None => nothing_known.to_owned(),
        Some((similarity, one)) if similarity >= SIMILARITY_MIN => format!("did you mean `{one}`?"),
        Some(_) => format!("known are: {}", known.join(", ")),
    }
}
