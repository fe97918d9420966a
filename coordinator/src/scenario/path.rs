//! The path of a key in a scenario: `role.worker.ports[0]`.

use std::fmt;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Segment {
    /// Into a table.
    Key(String),
    /// Into a list.
    Index(usize),
}

/// The path of a key; empty for the whole document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct KeyPath(Vec<Segment>);

impl KeyPath {
    /// The path one step further.
    #[must_use]
    pub(super) fn join(&self, segment: impl Into<Segment>) -> Self {
        let mut path = self.clone();
        path.push(segment);
        path
    }

    /// Goes one step further.
    pub(super) fn push(&mut self, segment: impl Into<Segment>) {
        self.0.push(segment.into());
    }

    /// Goes one step back.
    pub(super) fn pop(&mut self) {
        self.0.pop();
    }

    /// The steps.
    pub(super) fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The last step, and the path before it.
    pub(super) fn split_last(&self) -> Option<(&Segment, Self)> {
        let (last, before) = self.0.split_last()?;
        Some((last, Self(before.to_vec())))
    }

    /// Whether this is the whole document.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The path itself and every path above it, the whole document last.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = Self> {
        (0..=self.0.len()).rev().map(|length| Self(self.0[..length].to_vec()))
    }

    /// Whether this lies at or below `other`.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl From<&str> for Segment {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<&String> for Segment {
    fn from(key: &String) -> Self {
        Self::Key(key.clone())
    }
}

impl From<&throng_common::ids::RoleName> for Segment {
    fn from(role: &throng_common::ids::RoleName) -> Self {
        Self::Key(role.to_string())
    }
}

impl From<usize> for Segment {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl<S: Into<Segment>> FromIterator<S> for KeyPath {
    fn from_iter<I: IntoIterator<Item = S>>(segments: I) -> Self {
        Self(segments.into_iter().map(Into::into).collect())
    }
}

impl fmt::Display for KeyPath {
    /// As TOML writes it: keys with other letters than those of bare keys are quoted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) => {
                    let dot = if position > 0 { "." } else { "" };
                    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
                    if !key.is_empty() && key.chars().all(bare) {
                        write!(f, "{dot}{key}")?;
                    } else {
                        write!(f, "{dot}{key:?}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_toml_writes_them() {
        let path = KeyPath::from_iter(["role", "worker", "files", "/etc/x.conf"]);
        assert_eq!(path.to_string(), r#"role.worker.files."/etc/x.conf""#);
        assert_eq!(KeyPath::from_iter(["test"]).join(2).join("step").to_string(), "test[2].step");
        assert!(path.is_within(&KeyPath::from_iter(["role", "worker"])));
        assert!(!path.is_within(&KeyPath::from_iter(["role", "work"])));
    }
}
