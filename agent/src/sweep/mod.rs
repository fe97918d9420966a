//! Removing what clusters left behind of which nobody remembers anything: told by the marks in kernel and engine alone.
//!
//! In: the clusters' ids, confirmed by a person. Out: one line for everything that could not be removed; whether nothing
//! is left is for the audit to say.
//!
//! *Invariant:* what bears no mark of these clusters is never touched; a cluster that the desired state names, and one of
//! another throng that lives on this host, is left as a whole. Every step is tried, whatever the others came to.

mod apply;
pub mod neighbours;
mod plan;

pub use apply::sweep;
