//! Containers of the engine: what a node's container is made of, and making and starting it.
//!
//! In: a node's spec. Out: a container that runs, or why it does not. A container without our labels is never touched,
//! whatever its name.

pub mod apply;
pub mod plan;
#[cfg(test)]
pub(crate) mod samples;
