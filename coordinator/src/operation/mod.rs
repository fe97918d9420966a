//! Long-running commands (up, run, test, scale, restart, reset, update, down, sweep) that a CLI follows, leaves and cancels.
//!
//! An operation is a task of the coordinator, not of the CLI that asked for it: it goes on when the CLI goes away. What
//! it says is kept, so that whoever follows it sees it from the beginning.

mod event;
mod registry;

pub use event::{Ended, EventSink, NoteLevel, OperationEvent, Stamped};
pub use registry::{Follow, OperationHandle, OperationInfo, Operations, Phase, Verb};
