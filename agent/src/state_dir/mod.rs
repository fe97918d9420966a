//! The state directory as one agent's own: the lock that holds others off, and the file by which the daemon says where
//! it stands.

pub mod lock;
pub mod status;
