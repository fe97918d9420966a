//! The names of images that throng makes. Pure.

use sha2::{Digest as _, Sha256};

/// The repository of every image that throng imports: what else the engine has is not ours to remove.
pub const REPOSITORY: &str = "throng";
/// Hexadecimal digits of the digest in a tag: 48 bits, enough that two builds never meet.
const DIGEST_DIGITS: usize = 12;

/// `throng/<name>:<digest>` for contents with this SHA-256 digest, so that a build that exists is never imported twice.
pub fn content_tag(name: &str, sha256: &[u8]) -> String {
    let mut digest = hex::encode(sha256);
    digest.truncate(DIGEST_DIGITS);
    format!("{REPOSITORY}/{name}:{digest}")
}

/// The tag for these contents.
pub fn tag_of(name: &str, contents: &[u8]) -> String {
    content_tag(name, &Sha256::digest(contents))
}

/// Whether throng imported the image of this name.
pub fn is_ours(name: &str) -> bool {
    name.strip_prefix(REPOSITORY).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_follow_the_contents_and_are_known_as_ours() {
        let tag = tag_of("redis", b"abc");
        assert_eq!(tag, "throng/redis:ba7816bf8f01");
        assert!(is_ours(&tag) && !is_ours("throngs/redis:1") && !is_ours("redis:7"));
        assert_ne!(tag, tag_of("redis", b"abd"));
    }
}
