//! The last step before a command in a container: its namespaces, control groups, user and seccomp filter, then `exec`.
//! Runs in a process of its own.
//!
//! `throng-agent enter --pid PID --started TICKS --token T -- argv…` becomes a command that is to the container's first
//! process what a command of the engine's own exec is to it: whatever bounds that process is read of the kernel and put on
//! before the program runs. What cannot be read or put on is refused, never left out: the caller then asks the engine.
//!
//! In: the first process, told for sure by when it began. Out: the program, or one line that carries the caller's token.
//! *Invariant:* nothing of the host but standard input, output and error comes along.

mod become_like;
pub mod command;
mod error;
mod filter;
mod likeness;
pub mod program;
mod target;
