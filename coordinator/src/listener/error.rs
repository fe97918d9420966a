//! Why the coordinator cannot listen.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the coordinator cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenerError {
    /// The kept port is taken.
    #[error("cannot listen on {address}, the port that this fleet's agents know; end the program that has it, or \
             remove `{}` to choose another (agents of other hosts must then join again)", port_file.display())]
    KeptPort {
        /// The address.
        address: SocketAddr,
        /// Where the port is kept.
        port_file: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The address that was asked for cannot be had.
    #[error("cannot listen on {address}; give another with --listen")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// The file that keeps the port cannot be used.
    #[error("cannot {operation} `{}`", path.display())]
    PortFile {
        /// What was being done.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The unix socket cannot be made.
    #[error("cannot listen on unix socket `{}`", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The server failed.
    #[error("the gRPC server ended")]
    Serve(#[from] tonic::transport::Error),
}
