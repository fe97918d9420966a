//! The digest of a file's contents.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Bytes read at once.
pub(super) const PIECE_BYTES: usize = 256 << 10;

/// SHA-256 of a file's contents.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentDigest([u8; 32]);

/// Why a text is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a SHA-256 digest of 64 hexadecimal digits")]
pub struct DigestError(pub String);

impl ContentDigest {
    /// Reads to the end, piece by piece.
    pub fn of(mut reader: impl Read) -> io::Result<Self> {
        let mut sum = Sha256::new();
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let read = match reader.read(&mut piece) {
                Ok(0) => return Ok(Self::sum(sum)),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            sum.update(&piece[..read]);
        }
    }

    /// What was summed up.
    pub fn sum(sum: Sha256) -> Self {
        Self(sum.finalize().into())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ContentDigest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let mut bytes = [0; 32];
        // Only one way to write it: it is a file's name too.
        if text.chars().any(|letter| letter.is_ascii_uppercase()) {
            return Err(DigestError(text.to_owned()));
        }
        hex::decode_to_slice(text, &mut bytes).map_err(|_| DigestError(text.to_owned()))?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for ContentDigest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<ContentDigest> for String {
    fn from(digest: ContentDigest) -> Self {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_the_whole_file_and_reads_back() {
        let digest = ContentDigest::of(&b"abc"[..]).unwrap();
        assert_eq!(digest.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        let long = vec![7; PIECE_BYTES * 2 + 1];
        assert_eq!(ContentDigest::of(&long[..]).unwrap(), ContentDigest::sum(Sha256::new_with_prefix(&long)));
        for text in ["", "abc", "../../etc/passwd", &"A".repeat(64), &"0".repeat(63)] {
            assert!(text.parse::<ContentDigest>().is_err(), "{text}");
        }
    }
}
