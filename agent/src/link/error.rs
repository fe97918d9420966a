//! Why there is no connection.

use tokio_rustls::rustls;

/// Why the coordinator could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The address has no host or port, or its name is unknown.
    #[error("cannot find the coordinator at {address}; check its name")]
    Resolve {
        /// The coordinator's address.
        address: String,
        /// The cause.
        source: std::io::Error,
    },
    /// Nobody accepts the connection.
    #[error("cannot reach the coordinator at {address}; is `throng serve` running?")]
    Connect {
        /// The coordinator's address.
        address: String,
        /// The cause.
        source: std::io::Error,
    },
    /// It took too long.
    #[error("the coordinator at {address} did not answer within {seconds} s")]
    TimedOut {
        /// The coordinator's address.
        address: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The TLS handshake failed.
    #[error("cannot set up TLS with the coordinator at {address}")]
    Handshake {
        /// The coordinator's address.
        address: String,
        /// The cause.
        source: std::io::Error,
    },
    /// What answers does not speak our protocol.
    #[error("what listens at {address} is not a coordinator: it did not agree on {wanted}")]
    Alpn {
        /// The coordinator's address.
        address: String,
        /// The protocol that was offered.
        wanted: String,
    },
    /// Certificate or key cannot be used.
    #[error("the agent's certificate cannot be used; join again")]
    Identity(#[source] rustls::Error),
}
