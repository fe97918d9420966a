//! What can go wrong with joining and renewing.

use std::path::PathBuf;

use tokio_rustls::rustls;

use crate::link::LinkError;

/// Why the agent has no certificate.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The coordinator could not be reached, or is not the pinned one.
    #[error("cannot join")]
    Link(#[from] LinkError),
    /// The coordinator refused.
    #[error("the coordinator at {address} refused: {message}")]
    Refused {
        /// Its address.
        address: String,
        /// In its words.
        message: String,
    },
    /// The answer cannot be used.
    #[error("the answer of the coordinator at {address} cannot be used: {problem}")]
    Answer {
        /// Its address.
        address: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Making the key or the request failed.
    #[error("cannot make a certificate request")]
    Request(#[source] rcgen::Error),
    /// TLS could not be set up.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    /// The identity could not be read or written.
    #[error("cannot {operation} identity `{}`", path.display())]
    File {
        /// What was being done.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The stored identity is damaged.
    #[error("identity `{}` is damaged: {problem}; remove it and join again with a new token", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}
