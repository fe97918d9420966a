//! The fleet's own certificate authority, the certificates that it issues, and the TLS settings made of them.
//!
//! An identity is the one URI in a certificate: `throng://<fleet>/agent/<host>`, `/operator/<name>`, `/viewer/<name>`.
//! What a certificate request asks for is never looked at: only its key is taken.

mod authority;
mod ca_files;
mod certificate;
mod error;
mod identity;
mod tls;

pub use authority::{AGENT_TTL, Authority, OPERATOR_TTL};
pub use ca_files::fleet_of;
pub use certificate::{Issued, IssuedWithKey, Validity};
pub use error::PkiError;
pub use identity::{Identity, Principal, serial_of_certificate};
pub use tls::ServerTls;
