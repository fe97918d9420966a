//! Who may call what: one table over every RPC, and the layer that enforces it.
//!
//! What is not in the table is refused. A test built from the protos' descriptors fails when an RPC has no row.

mod book;
mod caller;
mod layer;
mod table;

pub use book::OperatorBook;
pub use caller::{Caller, CallerRole};
pub use layer::{Authz, AuthzLayer};
pub use table::{Access, TABLE, decide};
