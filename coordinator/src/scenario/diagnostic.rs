//! A mistake in a scenario: where it is, what it is, what to do about it.
//!
//! A diagnostic carries the line that it speaks of, so that it can be sent to another machine and shown there.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::{Deserialize, Serialize};

use super::code::Code;
use super::names::is_safe_path;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing starts before it is mended.
    Error,
    /// It works, but perhaps not as meant.
    Warning,
}

/// One mistake in a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What kind of mistake it is.
    pub code: Code,
    /// What is wrong, in one line.
    pub message: String,
    /// The file as the caller named it, or `--set`.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column, in characters, counted from 1.
    pub column: usize,
    /// The bytes of the file that it is about.
    pub span: Range<usize>,
    /// The key that it is about, like `role.worker.count`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The line's text.
    pub excerpt: String,
}

/// Everything that is wrong with a scenario, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Diagnostics(pub Vec<Diagnostic>);

/// How the texts of `--set` are called in place of a file.
pub(super) const SET: &str = "--set";

/// Columns to which long lines are cut.
const RENDER_WIDTH_COLUMNS: usize = 140;

impl Diagnostic {
    /// Names the file from where the caller stands: `folder` is the scenario's, as the caller wrote it.
    ///
    /// `--set` and overlays from elsewhere keep their names.
    pub fn seen_from(&mut self, folder: &Path) {
        if self.file != SET && is_safe_path(&self.file) {
            self.file = folder.join(&self.file).to_string_lossy().into_owned();
        }
    }

    /// As a person reads it: the message, the place, the line with its part underlined, the hint. Ends with a newline.
    pub fn render(&self, colour: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let underlined = self.underlined();
        let snippet = Snippet::source(self.excerpt.as_str())
            .path(self.file.as_str())
            .line_start(self.line)
            .annotation(AnnotationKind::Primary.span(underlined));
        let mut group = level.primary_title(self.message.as_str()).id(self.code.as_str()).element(snippet);
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.with_name("hint").message(hint.as_str()));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut text = renderer.term_width(RENDER_WIDTH_COLUMNS).render(&[group]);
        text.push('\n');
        text
    }

    /// The bytes of the excerpt that are underlined.
    fn underlined(&self) -> Range<usize> {
        let start = self.excerpt.char_indices().nth(self.column - 1).map_or(self.excerpt.len(), |(at, _)| at);
        let end = start.saturating_add(self.span.len()).min(self.excerpt.len());
        let end = (end..self.excerpt.len()).find(|at| self.excerpt.is_char_boundary(*at)).unwrap_or(self.excerpt.len());
        start..end
    }
}

impl Diagnostics {
    /// The mistakes, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As a person reads them, with a blank line between two, and how many there are below.
    pub fn render(&self, colour: bool) -> String {
        let mut parts: Vec<String> = self.0.iter().map(|diagnostic| diagnostic.render(colour)).collect();
        let errors = self.0.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
        if errors > 0 {
            let noun = if errors == 1 { "mistake" } else { "mistakes" };
            parts.push(format!("{errors} {noun}; nothing was started\n"));
        }
        parts.join("\n")
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Diagnostic {
    /// In one line, without the source.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {} [{}]", self.file, self.line, self.column, self.message, self.code)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_from_where_the_caller_stands() {
        let name = |file: &str| {
            let mut one = Diagnostic {
                severity: Severity::Error,
                code: Code::Zero,
                message: "m".to_owned(),
                file: file.to_owned(),
                line: 1,
                column: 1,
                span: 0..1,
                path: None,
                hint: None,
                excerpt: "x".to_owned(),
            };
            one.seen_from(Path::new("examples/redis"));
            one.file
        };
        assert_eq!(name("redis.toml"), "examples/redis/redis.toml");
        assert_eq!(name("--set"), "--set");
        assert_eq!(name("../ci.toml"), "../ci.toml");
        assert_eq!(name("/etc/ci.toml"), "/etc/ci.toml");
    }
}
