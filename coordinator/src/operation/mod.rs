//! Long-running commands (up, run, test, scale, restart, reset, update, down, sweep) that a CLI follows, leaves and cancels.
//!
//! An operation is a task of the coordinator, not of the CLI that asked for it: it goes on when the CLI goes away. What
//! it says is kept, so that whoever follows it sees it from the beginning. What was asked for is in the journal until it has
//! ended: a coordinator that begins anew goes on with it, or says that it does not.

mod event;
mod registry;
mod wish;

pub use event::{Ended, EventSink, NoteLevel, OperationEvent, Stamped};
pub use registry::{Begun, Follow, OperationHandle, OperationInfo, Operations, Phase};
pub use wish::{Keep, Wish};
