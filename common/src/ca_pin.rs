//! The pin of a fleet's certificate authority: what a host must know to trust its coordinator before it has joined.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// SHA-256 of the CA's public key (its SubjectPublicKeyInfo), written as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CaPin(pub [u8; 32]);

/// Why a text is no pin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a CA pin: it has 64 hexadecimal digits; `throng status` shows it")]
pub struct CaPinError {
    text: String,
}

impl fmt::Display for CaPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for CaPin {
    type Err = CaPinError;
    fn from_str(text: &str) -> Result<Self, CaPinError> {
        let wrong = || CaPinError { text: text.to_owned() };
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(2 * index..2 * index + 2).ok_or_else(wrong)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for CaPin {
    type Error = CaPinError;
    fn try_from(text: String) -> Result<Self, CaPinError> {
        text.parse()
    }
}

impl From<CaPin> for String {
    fn from(pin: CaPin) -> Self {
        pin.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_survives_a_round_trip_and_nothing_else_is_one() {
        let pin = CaPin(std::array::from_fn(|index| u8::try_from(index * 8).unwrap()));
        assert_eq!(pin.to_string().parse::<CaPin>(), Ok(pin));
        for text in ["", "00", &"g".repeat(64), &"0".repeat(65), &"é".repeat(32)] {
            assert!(text.parse::<CaPin>().is_err(), "{text}");
        }
    }
}
