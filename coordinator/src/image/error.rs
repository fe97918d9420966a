//! Why an image could not be had.

use std::path::PathBuf;
use std::time::Duration;

use throng_common::ids::{HostId, RoleName};
use throng_common::span::Span;

use crate::bundle::BundleError;
use crate::fleet::FleetError;
use crate::suite::process::ProcessError;

/// Why an image could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// What the script needs could not be laid out.
    #[error("role.{role}: {script} cannot be given its files")]
    LayOut {
        /// The role.
        role: RoleName,
        /// The script, as the scenario names it.
        script: String,
        /// Why.
        #[source]
        source: Box<BundleError>,
    },
    /// The script could not be run.
    #[error("role.{role}: {script} could not be run")]
    Run {
        /// The role.
        role: RoleName,
        /// The script, as the scenario names it.
        script: String,
        /// Why.
        #[source]
        source: ProcessError,
    },
    /// The script failed.
    #[error("role.{role}: {script} {how}\n{output}\nhint: {remedy}")]
    Failed {
        /// The role.
        role: RoleName,
        /// The script, as the scenario names it.
        script: String,
        /// How.
        how: Failure,
        /// Its last words.
        output: String,
        /// What can be done.
        remedy: String,
    },
    /// A file of the coordinator's cannot be read or written.
    #[error("cannot {action} {path}")]
    File {
        /// "read", "write".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A host's agent says why it did not take or get it.
    #[error(transparent)]
    Refused(FleetError),
    /// A host did not answer.
    #[error("image {image}")]
    Host {
        /// The host.
        host: HostId,
        /// The image.
        image: String,
        /// Why.
        #[source]
        source: FleetError,
    },
}

/// How a script failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It ended with another code than 0.
    Exit(i32),
    /// It took too long.
    TooLong(Duration),
    /// It wrote no archive, or an empty one.
    NoArchive,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "ended with exit code {code}; its last words:"),
            Self::TooLong(limit) => write!(f, "did not end within {}; its last words:", Span(*limit)),
            Self::NoArchive => f.write_str("wrote no archive to the path that is its first argument; its last words:"),
        }
    }
}
