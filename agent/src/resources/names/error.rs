//! What can go wrong with a hosts file.

use std::io;
use std::path::PathBuf;

/// Why a hosts file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum NamesError {
    /// It could not be read.
    #[error("cannot read hosts file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It could not be written.
    #[error("cannot write hosts file {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It is larger than any hosts file that makes sense.
    #[error("hosts file {} has {size_bytes} bytes, more than {max_bytes}: it is left alone", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        size_bytes: u64,
        /// The most that is read.
        max_bytes: u64,
    },
}
