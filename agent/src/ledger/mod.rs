//! What the agent must remember over its own death and a boot: SQLite in its state directory.
//!
//! The desired state, the original value of every sysctl that was changed, and for every node what is needed to find it
//! again without asking the engine about each: container, first process with its start time, and the boot.

mod store;

pub use store::{Ledger, LedgerError, NodeRecord, SCHEMA};
