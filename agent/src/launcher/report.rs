//! How a launcher tells its caller that it could not start the program.
//!
//! It writes one line to standard error, which begins with a token that the caller made up and that the program never
//! sees: no program's output can be taken for it.

use std::io::Write as _;

use throng_common::ids::random_suffix;

/// The exit code of a launcher that could not start the program, as shells have it.
pub const NOT_STARTED: u8 = 127;
/// Characters of a token, each worth five bits.
const TOKEN_LENGTH: usize = 24;

/// What a complaint begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// One that nobody knows.
    pub fn random() -> Self {
        Self(random_suffix(TOKEN_LENGTH))
    }

    /// One that the caller gave.
    pub fn given(text: String) -> Self {
        Self(text)
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The reason, if this line is a complaint.
    pub fn complaint_in(&self, line: &[u8]) -> Option<String> {
        let reason = line.strip_prefix(self.0.as_bytes())?.strip_prefix(b" ")?;
        Some(String::from_utf8_lossy(reason).trim_end().to_owned())
    }

    /// Says why, to the caller.
    pub(crate) fn complain(&self, reason: &str) {
        let one_line = reason.replace('\n', " ");
        // The exit code says it too, should nobody listen.
        let _ = writeln!(std::io::stderr(), "{} {one_line}", self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_makes_a_complaint() {
        let token = Token::random();
        let line = format!("{} no such program\n", token.as_str());
        assert_eq!(token.complaint_in(line.as_bytes()).as_deref(), Some("no such program"));
        assert_eq!(token.complaint_in(b"could not start"), None);
        assert_eq!(Token::random().complaint_in(line.as_bytes()), None);
    }
}
