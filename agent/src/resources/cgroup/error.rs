//! What can go wrong with control groups.

use std::io;
use std::path::PathBuf;

/// Why something could not be done with a control group.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// The host has none that can be used; the caller goes on without.
    #[error("control groups are unavailable: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
    /// A file or folder of a group could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file of a group could not be written.
    #[error("cannot write `{value}` to {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What was written.
        value: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A group could not be made.
    #[error("cannot create control group {}", path.display())]
    Create {
        /// Its folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A group could not be removed.
    #[error("cannot remove control group {}", path.display())]
    Remove {
        /// Its folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl CgroupError {
    /// Whether the host has no usable control groups, so that the caller goes on without.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}
