//! Processes of this host as `/proc` shows them, and who is at the other end of a socket.

pub mod peer;
pub mod table;
