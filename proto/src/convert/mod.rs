//! Conversions between the wire's messages and `throng-common`.
//!
//! Encoding cannot fail. Decoding names the field that is wrong, with its path in the message.

pub mod decode;
pub mod facts;
pub mod host_spec;
pub mod node_spec;
pub mod residue;
mod sample;
pub mod status;

pub use decode::{DecodeError, text};
use decode::{list, millis, required};
