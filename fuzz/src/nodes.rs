//! A set that is taken is the same set when it is written and read again.

use throng_common::nodeset::NodeSet;

/// Larger ones are taken, and say nothing new.
const LOOKED_INTO_MAX: usize = 10_000;

pub(super) fn take(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(set) = text.parse::<NodeSet>() else { return };
    if set.len() > LOOKED_INTO_MAX {
        return;
    }
    assert_eq!(set.iter().count(), set.len());
    let written = set.to_string();
    let again: NodeSet = written.parse().unwrap_or_else(|error| panic!("`{written}` was written by throng: {error}"));
    assert_eq!(again, set);
    assert_eq!(again.to_string(), written);
}
