//! Joining a fleet: key, certificate request, one-time token, pinned CA; and staying in it: renewal at half-life.
//!
//! The key is made here and never leaves. The token is sent only over a connection whose certificate chain ends in the
//! CA that the pin names.

mod error;
mod identity;
mod join;
mod pin;
mod renew;
mod store;

pub use error::EnrolError;
pub use identity::Identity;
pub use join::{Invitation, JoinToken, join};
pub use renew::{keep_renewed, renew};
pub use store::IdentityStore;
