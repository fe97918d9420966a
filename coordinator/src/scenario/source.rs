//! The texts that a scenario is made of, and places in them.

use std::ops::Range;

/// A text: the scenario, an overlay, or one `--set`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// How it is called in diagnostics.
    pub(super) name: String,
    /// The text.
    pub(super) text: String,
}

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// Which of the sources.
    pub(super) source: usize,
    /// Which of its bytes.
    pub(super) span: Range<usize>,
}

/// Longest line that a diagnostic carries, in bytes: a scenario with its data in one line must not flood a terminal.
const EXCERPT_MAX_BYTES: usize = 2_000;

/// A place as people count: line and column from 1, the column in characters; and the line's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) excerpt: String,
}

impl Source {
    /// The place of the byte at `offset`.
    pub(super) fn place(&self, offset: usize) -> Place {
        let text = self.text.as_str();
        let offset = floor_boundary(text, offset);
        let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let end = text[offset..].find('\n').map_or(text.len(), |at| offset + at);
        let line = text[..start].matches('\n').count() + 1;
        let column = text[start..offset].chars().count() + 1;
        let excerpt = text[start..end].trim_end_matches('\r');
        let excerpt = &excerpt[..floor_boundary(excerpt, EXCERPT_MAX_BYTES)];
        Place { line, column, excerpt: excerpt.to_owned() }
    }

    /// The bytes of `fragment` inside `span`, or all of `span` where it does not stand there literally.
    pub(super) fn within(&self, span: &Range<usize>, fragment: &str) -> Range<usize> {
        let found = self.text.get(span.clone()).and_then(|text| text.find(fragment));
        found.filter(|_| !fragment.is_empty()).map_or_else(
            || span.clone(),
            |at| {
                let start = span.start + at;
                start..start + fragment.len()
            },
        )
    }
}

fn floor_boundary(text: &str, offset: usize) -> usize {
    text.floor_char_boundary(offset)
}
