//! The last step before a process node: cgroup, limits, user, then `exec`. Runs in a process of its own.
//!
//! `throng-agent launch --dir DIR [-- argv…]` reads `DIR/shim.json` and becomes the node's program, or another one with
//! the node's user, folder, limits and environment. Everything that a process must do to itself between fork and exec
//! is done here, in a plain single-threaded program, so that no unsafe code is needed anywhere. What it cannot do it
//! says in one line that carries a token which only its caller knows.

pub mod command;
pub(crate) mod error;
mod prepare;
pub mod report;
pub(crate) mod user;
pub(crate) mod variables;
