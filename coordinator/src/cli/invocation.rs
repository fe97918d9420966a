//! The exact command line that a person can type next.

use std::fmt::Write as _;

use super::args::GlobalArgs;

/// How this program was called: its name and the options that say which coordinator is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    prefix: String,
    again: String,
}

impl Invocation {
    /// From the program's own arguments, its name first, and the global options among them.
    pub fn new(arguments: impl IntoIterator<Item = String>, global: &GlobalArgs) -> Self {
        let words: Vec<String> = arguments.into_iter().map(|word| quoted(&word)).collect();
        let mut prefix = words.first().cloned().unwrap_or_else(|| "throng".to_owned());
        let remote = &global.remote;
        let paths = [
            ("--state-dir", global.state_dir.as_ref().map(|path| path.display().to_string())),
            ("--connect", remote.connect.clone()),
            ("--ca", remote.ca.as_ref().map(|path| path.display().to_string())),
            ("--cert", remote.cert.as_ref().map(|path| path.display().to_string())),
            ("--key", remote.key.as_ref().map(|path| path.display().to_string())),
        ];
        for (option, value) in paths {
            if let Some(value) = value {
                let _ = write!(prefix, " {option} {}", quoted(&value));
            }
        }
        Self { prefix, again: words.join(" ") }
    }

    /// Whether an operation of this id is one that this command line begins: watching one begins none.
    pub fn begins(&self, operation: &str) -> bool {
        let verb = operation.split('-').next().unwrap_or_default();
        self.again.split(' ').any(|word| word == verb || (verb == "update" && word == "up"))
    }

    /// The command line that this is.
    pub fn again(&self) -> &str {
        &self.again
    }

    /// The command line for these words.
    pub fn command(&self, words: &str) -> String {
        format!("{} {words}", self.prefix)
    }
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_only_where_a_shell_would_split_them() {
        assert_eq!(["a/b-c", "a b", "it's", ""].map(quoted), ["a/b-c", "'a b'", "'it'\\''s'", "''"]);
    }
}
