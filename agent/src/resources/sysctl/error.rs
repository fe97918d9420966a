//! What can go wrong with a kernel setting.

use std::io;

use super::key::KeyError;

/// Why a setting could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SysctlError {
    /// No name of a setting.
    #[error(transparent)]
    Name(#[from] KeyError),
    /// It could not be read.
    #[error("cannot read kernel setting {key}")]
    Read {
        /// The setting.
        key: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It could not be written.
    #[error("cannot set {key} to `{value}`: run the agent as root, outside of a container")]
    Write {
        /// The setting.
        key: String,
        /// The value.
        value: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The kernel takes no value of that length in one write.
    #[error(
        "the value of {key} has {length_bytes} bytes, more than the kernel takes ({max_bytes}): use fewer port ranges"
    )]
    TooLong {
        /// The setting.
        key: String,
        /// Its length.
        length_bytes: usize,
        /// The most.
        max_bytes: usize,
    },
    /// The kernel took the value and made another of it.
    #[error("{key} was set to `{value}` and reads `{found}`: the kernel does not allow more")]
    NotKept {
        /// The setting.
        key: String,
        /// What was written.
        value: String,
        /// What was read back.
        found: String,
    },
}
