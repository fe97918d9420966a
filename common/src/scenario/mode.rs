//! Permissions of a file or folder, in octal.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text_type::text_type;

/// Permission bits: `0644`, `1777`. No set-uid or set-gid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mode(u32);

/// Why a text is not permissions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not permissions: write three octal digits, with 0 or 1 before them, like 0644 or 1777")]
pub struct ModeError {
    text: String,
}

impl Mode {
    /// What files get by default: read by all, written by their owner.
    pub const FILE: Self = Self(0o644);
    /// What ramdisks get by default: written by all, as /tmp is.
    pub const SHARED_FOLDER: Self = Self(0o1777);

    /// The bits, at most `0o1777`.
    pub const fn bits(self) -> u32 {
        self.0
    }
}

impl FromStr for Mode {
    type Err = ModeError;
    fn from_str(text: &str) -> Result<Self, ModeError> {
        let wrong = || ModeError { text: text.to_owned() };
        let octal = text.bytes().all(|letter| (b'0'..=b'7').contains(&letter));
        let long_enough = text.len() == 3 || (text.len() == 4 && text.starts_with(['0', '1']));
        if !octal || !long_enough {
            return Err(wrong());
        }
        u32::from_str_radix(text, 8).map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

text_type!(Mode, ModeError, "^[01]?[0-7]{3}$", "Permissions in octal, like \"0644\".");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_octal() {
        for (text, bits) in [("644", 0o644), ("0755", 0o755), ("1777", 0o1777)] {
            assert_eq!(text.parse::<Mode>().unwrap().bits(), bits);
        }
        for text in ["", "888", "4755", "64", "00644", "+644", "rw-"] {
            assert!(text.parse::<Mode>().is_err(), "{text}");
        }
    }
}
