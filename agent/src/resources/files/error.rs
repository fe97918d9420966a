//! What can go wrong with a node's folders and files.

use std::io;
use std::path::PathBuf;

/// Why a folder or file is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A path that leaves its folder, or is none.
    #[error("file path `{}` does not stay in the node's folder: write it without `..`", path.display())]
    Path {
        /// The path.
        path: PathBuf,
    },
    /// A folder could not be made.
    #[error("cannot create folder {}", path.display())]
    Create {
        /// The folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A folder could not be removed.
    #[error("cannot remove {}", path.display())]
    Remove {
        /// The folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Something is mounted in the folder: removing would empty it.
    #[error("{} is not removed: {} is mounted in it; unmount that first", path.display(), mount.display())]
    Mounted {
        /// The folder.
        path: PathBuf,
        /// The mount point.
        mount: PathBuf,
    },
}
