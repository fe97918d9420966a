//! The process that stands between the agent and a process node, and outlives the agent.
//!
//! `throng-agent shim --dir DIR` reads `DIR/shim.json`, starts the node's program through the launcher, keeps its
//! output in a bounded log and, when it has ended, says how in `DIR/exit.json`. While it lives it holds a lock on
//! `DIR/shim.lock`. That folder is all that an agent needs, and all that a later agent finds.
//!
//! Plain threads and no async runtime: it is small, one runs for every process node. It must never end before its
//! program has, and it must never wait for the agent.

pub mod command;
pub mod files;
pub mod log;
pub mod log_line;
pub mod members;
pub mod record;
mod run;
pub mod spec;
