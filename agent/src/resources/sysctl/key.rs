//! The name of a kernel setting, checked so that it can only lie below `/proc/sys`.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// A setting's name with dots, `kernel.pid_max`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct SysctlKey(String);

/// Why a text is no setting's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a kernel setting: write it with dots, like kernel.pid_max")]
pub struct KeyError(pub String);

impl SysctlKey {
    /// Checks a name: at least two parts of letters, digits, `_` and `-`, with dots between.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        let letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let part = |part: &str| !part.is_empty() && part.chars().all(letter);
        let good = text.len() <= 255 && text.contains('.') && text.split('.').all(part);
        if good { Ok(Self(text.to_owned())) } else { Err(KeyError(text.to_owned())) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its file below `/proc/sys`: relative, without `..`.
    pub fn relative_path(&self) -> PathBuf {
        self.0.split('.').collect()
    }
}

impl fmt::Display for SysctlKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for text in ["", "kernel", "kernel.", ".kernel", "a..b", "../etc.passwd", "kernel/pid_max.x", "a.b\n", "a. b"] {
            assert!(SysctlKey::new(text).is_err(), "{text:?}");
        }
        let path = SysctlKey::new("net.ipv4.neigh.default.gc_thresh1").unwrap().relative_path();
        assert_eq!(path, Path::new("net/ipv4/neigh/default/gc_thresh1"));
    }

    proptest! {
        #[test]
        fn an_accepted_name_stays_below_its_root(text in "[a-z./\\\\\\-_0-9\0]{0,20}") {
            if let Ok(key) = SysctlKey::new(&text) {
                let path = key.relative_path();
                prop_assert!(path.components().all(|part| matches!(part, Component::Normal(_))));
            }
        }
    }
}
