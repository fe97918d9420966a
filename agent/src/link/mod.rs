//! The one TLS connection to the coordinator, dialled from here, over which the coordinator calls.
//!
//! [`run`] dials, serves and dials again for as long as the agent lives; [`serve`] serves one connection, whatever it
//! is made of, so that a test needs no network. Nothing here knows what is served.

mod dial;
mod error;
mod run;
mod serve;

pub use dial::TlsDialer;
pub(crate) use dial::dial;
pub use error::LinkError;
pub use run::{Connect, LinkStatus, RECONNECT, run};
pub use serve::{ServeEnd, serve};
