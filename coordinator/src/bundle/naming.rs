//! What an entry of `inputs` names: a file, a folder with all that is in it, or a pattern. Pure.

use glob::{MatchOptions, Pattern};

/// A star stands for letters within one name, two for any number of folders; names that begin with a dot are no others.
const MATCHING: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };

/// Letters that make an entry a pattern.
const WILDCARDS: [char; 3] = ['*', '?', '['];

/// What an entry of `inputs` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Naming {
    /// A file, or a folder with everything in it.
    Path(String),
    /// All files whose path matches.
    Pattern(Pattern),
}

/// Why an entry is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{entry}` is not a pattern: {problem}")]
pub struct NamingError {
    /// The entry.
    pub entry: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Naming {
    /// What an entry names.
    pub fn of(entry: &str) -> Result<Self, NamingError> {
        if !entry.contains(WILDCARDS) {
            return Ok(Self::Path(entry.to_owned()));
        }
        let wrong = |error: glob::PatternError| NamingError { entry: entry.to_owned(), problem: error.msg };
        Pattern::new(entry).map(Self::Pattern).map_err(wrong)
    }

    /// Whether it names this file; `path` is relative to the scenario's folder.
    pub fn takes(&self, path: &str) -> bool {
        match self {
            Self::Path(name) => path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            Self::Pattern(pattern) => pattern.matches_with(path, MATCHING),
        }
    }

    /// The file or folder below which everything lies that it can name; empty: the scenario's folder.
    pub fn base(&self) -> &str {
        match self {
            Self::Path(name) => name,
            Self::Pattern(pattern) => {
                let text = pattern.as_str();
                let plain = text.find(WILDCARDS).map_or(text, |at| &text[..at]);
                plain.rsplit_once('/').map_or("", |(folder, _)| folder)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_file_or_all_that_a_folder_holds() {
        let naming = Naming::of("app").unwrap();
        for (path, taken) in
            [("app", true), ("app/a.jar", true), ("app/lib/b.jar", true), ("apple", false), ("x/app", false)]
        {
            assert_eq!(naming.takes(path), taken, "{path}");
        }
        assert_eq!(naming.base(), "app");
    }

    #[test]
    fn a_pattern_names_what_matches_it() {
        for (entry, base, taken, left) in [
            ("lib/*.jar", "lib", &["lib/a.jar", "lib/.b.jar"][..], &["lib/x/c.jar", "lib/a.txt", "a.jar"][..]),
            ("lib/**", "lib", &["lib/a.jar", "lib/x/y/c"], &["libs/a", "other/lib/a"]),
            ("**/*.conf", "", &["a.conf", "x/y/b.conf"], &["a.confx"]),
            ("data-?[0-9].csv", "", &["data-a1.csv"], &["data-aa.csv", "data-/1.csv"]),
            ("a/b*/c/d", "a", &["a/b/c/d", "a/bx/c/d"], &["a/b/x/c/d"]),
        ] {
            let naming = Naming::of(entry).unwrap();
            assert_eq!(naming.base(), base, "{entry}");
            assert!(taken.iter().all(|path| naming.takes(path)), "{entry} takes {taken:?}");
            assert!(!left.iter().any(|path| naming.takes(path)), "{entry} leaves {left:?}");
        }
        for entry in ["a[", "a***", "x/a**"] {
            assert!(Naming::of(entry).unwrap_err().to_string().contains(entry), "{entry}");
        }
    }
}
