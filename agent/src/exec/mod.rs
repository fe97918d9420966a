//! Running commands in nodes, many at a time, with an outcome for every node; and signals and terminals.
//!
//! In: nodes with where they run, and commands. Out: one outcome for every node named, in the order in which they end.
//! A command in a container enters it by itself, or else goes through the engine; one in a process node goes through the
//! launcher; each as the node's user and in its control groups. Nothing here starts, stops or changes a node.

mod container;
pub mod fan_out;
pub mod process;
pub mod pty;
pub mod signal;
pub mod target;
pub mod terminal;
