//! The signals that a scenario may send.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text_type::text_type;

/// A signal, by its name with or without SIG.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signal(usize);

/// Name and number (Linux; the same on every architecture that we build for).
const SIGNALS: [(&str, i32); 10] = [
    ("TERM", 15),
    ("INT", 2),
    ("QUIT", 3),
    ("HUP", 1),
    ("USR1", 10),
    ("USR2", 12),
    ("KILL", 9),
    ("ABRT", 6),
    ("STOP", 19),
    ("CONT", 18),
];

/// Why a text is not a signal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a signal: write one of TERM, INT, QUIT, HUP, USR1, USR2, KILL, ABRT, STOP, CONT")]
pub struct SignalError {
    text: String,
}

impl Signal {
    /// Asks to end.
    pub const TERM: Self = Self(0);
    /// Ends without being asked.
    pub const KILL: Self = Self(6);

    /// The name without SIG.
    pub fn name(self) -> &'static str {
        SIGNALS[self.0].0
    }

    /// The number.
    pub fn number(self) -> i32 {
        SIGNALS[self.0].1
    }
}

impl FromStr for Signal {
    type Err = SignalError;
    fn from_str(text: &str) -> Result<Self, SignalError> {
        let name = text.strip_prefix("SIG").unwrap_or(text);
        let at = SIGNALS.iter().position(|(known, _)| *known == name);
        at.map(Self).ok_or_else(|| SignalError { text: text.to_owned() })
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

text_type!(
    Signal,
    SignalError,
    "^(SIG)?(TERM|INT|QUIT|HUP|USR1|USR2|KILL|ABRT|STOP|CONT)$",
    "A signal: TERM, INT, QUIT, HUP, USR1, USR2, KILL, ABRT, STOP or CONT."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_their_linux_numbers() {
        assert_eq!((Signal::TERM.name(), Signal::TERM.number()), ("TERM", 15));
        assert_eq!((Signal::KILL.name(), Signal::KILL.number()), ("KILL", 9));
        assert_eq!("SIGHUP".parse::<Signal>().unwrap().to_string(), "HUP");
        for text in ["", "term", "9", "SEGV", "SIGSIGTERM"] {
            assert!(text.parse::<Signal>().is_err(), "{text}");
        }
    }
}
