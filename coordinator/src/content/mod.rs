//! Contents of files by their digest: what scripts and programs read, kept so that nothing is sent twice.

mod digest;
mod store;

pub use digest::{ContentDigest, DigestError};
pub use store::{ContentError, ContentStore, Partial};
