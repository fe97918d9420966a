//! Asking nodes whether they are ready: from the agent, never by the engine's HEALTHCHECK.
//!
//! A node that starts is asked at once and then ever more rarely; a node that is ready every so often, at its own phase,
//! so that a thousand nodes do not ask in step.

mod check;
mod watcher;

pub use check::{ProbeError, check};
pub use watcher::{Begins, ExecFailure, ExecProbe, ExecProblem, ProbeNews, watch};
