//! Why a bundle could not be collected or laid out.

use std::path::PathBuf;

use super::collect::{INPUT_BYTES_MAX, INPUT_FILES_MAX};
use super::model::{BUNDLE_MAX_BYTES, BUNDLE_MAX_FILES};
use crate::content::ContentError;

/// Why a bundle could not be collected or laid out.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The scenario or an overlay cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file that the scenario names is there but cannot be read.
    #[error("cannot read {path}, which the scenario names")]
    ReadNamed {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file's name cannot be carried.
    #[error(
        "{path}: a file's name must be UTF-8 text without backslashes and line breaks; rename it, or leave it out of `inputs`"
    )]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// The files together are too large.
    #[error(
        "the scenario's files come to more than {} MiB with {path}; put large data into an image or onto the host",
        BUNDLE_MAX_BYTES >> 20
    )]
    TooLarge {
        /// The file that was too much.
        path: PathBuf,
    },
    /// There are too many files.
    #[error("the scenario gives nodes more than {BUNDLE_MAX_FILES} files; pack them into an image or an archive")]
    TooMany,
    /// The inputs together are too large.
    #[error("the scenario's `inputs` come to more than {} GiB with {path}; name fewer", INPUT_BYTES_MAX >> 30)]
    InputsTooLarge {
        /// The file that was too much.
        path: PathBuf,
    },
    /// There are too many inputs.
    #[error("the scenario's `inputs` are more than {INPUT_FILES_MAX} files; name fewer, or pack them into an archive")]
    TooManyInputs,
    /// The files cannot be written.
    #[error("cannot write the scenario's file {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file came without its contents.
    #[error("the bundle's file {0} came without its contents: run the command again")]
    NotShipped(String),
    /// A file's contents cannot be had.
    #[error("{path}, which the scenario names")]
    Content {
        /// The file's path in the bundle.
        path: String,
        /// Why.
        #[source]
        source: ContentError,
    },
}
