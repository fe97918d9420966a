//! `throng exec`: a command in nodes, folded or on a terminal.

mod command;
mod outcomes;
mod terminal;

pub use command::{ExecArgs, run};
