//! Calling a coordinator: over its unix socket on this machine, or over TLS with a certificate from elsewhere.
//!
//! *Invariant:* the command line knows nothing of the coordinator but what these calls answer.

pub mod connect;
pub mod error;
mod tls;
pub mod tls_fault;
