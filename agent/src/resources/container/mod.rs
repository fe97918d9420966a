//! Containers of the engine: what a node's container is made of, what must be done to have it, and doing it.
//!
//! In: a node's spec and one labelled list of the engine. Out: steps, applied one by one. A container without our
//! labels is never touched, whatever its name.

pub mod apply;
pub mod plan;
pub mod reconcile;
