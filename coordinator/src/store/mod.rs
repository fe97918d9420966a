//! What the coordinator must remember: SQLite.
//!
//! One thread owns the one connection and runs what the typed functions of [`Store`] send it, in order; callers await.
//! SQLite's types stop in this folder. The store never decides anything: it keeps and gives back.

mod clusters;
mod connection;
mod error;
mod events;
mod generations;
mod hosts;
mod meta;
mod operations;
mod operators;
mod rescue;
mod rows;
mod runs;
mod schema;
mod task;
mod tokens;

pub use clusters::ClusterRow;
pub use error::StoreError;
pub use events::{EVENTS_KEPT_MAX, EventFilter, EventPage, EventRecord, NewEvent};
pub use hosts::HostRecord;
pub use meta::Life;
pub use operations::OperationRecord;
pub use operators::OperatorRecord;
pub use runs::{RunCounts, RunRecord};
pub use schema::SCHEMA_VERSION;
pub use task::Store;
pub use tokens::{NewToken, TokenHash};
