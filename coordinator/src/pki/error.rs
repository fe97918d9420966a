//! What can go wrong with keys and certificates.

use std::path::PathBuf;

/// Why a key or certificate could not be had.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file of the CA could not be read or written.
    #[error("cannot {operation} `{}`", path.display())]
    File {
        /// What was being done.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The CA's files do not belong together, or are no key and certificate.
    #[error("the CA in `{}` cannot be used: {problem}; put the right files back, or remove both ca.key and ca.pem \
             (every agent and operator must then join again)", path.display())]
    BadCa {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: &'static str,
    },
    /// The request for a certificate is malformed or not signed by its own key.
    #[error("the certificate request is not valid")]
    BadRequest(#[source] rcgen::Error),
    /// Making a key or a certificate failed.
    #[error("cannot make {what}")]
    Make {
        /// What was to be made.
        what: &'static str,
        /// The cause.
        source: rcgen::Error,
    },
    /// The TLS library refused what was made.
    #[error("cannot set up TLS")]
    Tls(#[from] tokio_rustls::rustls::Error),
    /// The verifier of clients' certificates could not be built.
    #[error("cannot set up the check of client certificates")]
    Verifier(#[from] tokio_rustls::rustls::server::VerifierBuilderError),
    /// A certificate does not say who its holder is.
    #[error("the certificate names no identity of this fleet: {problem}")]
    NoIdentity {
        /// What is wrong with it.
        problem: String,
    },
}
