//! Processes of this host as `/proc` shows them, their ends, and who is at the other end of a socket.

pub mod account;
pub mod container;
pub mod end;
pub mod kernel_file;
pub mod peer;
pub mod table;
