//! The one TLS port and the unix socket.
//!
//! A TLS connection is told apart by its ALPN: `throng-agent/1` is an agent's, given to the fleet, which calls over it;
//! `h2` is the gRPC API; anything else is refused. The unix socket admits the coordinator's own user and root. Both
//! give every request its [`crate::authz::Caller`]; nothing gets past the table of `authz`.

mod accept;
mod error;
mod io;
mod port;
mod serve;
mod standard;
mod tls;
mod unix;

pub use error::ListenerError;
pub use serve::{Listener, Served};
pub use standard::with_standard_services;
