//! The container engine behind one narrow trait, in our words.
//!
//! In: what a node's container should be, and questions. Out: our own types, and errors told apart by kind.
//! The engine's SDK is named in [`docker`] and nowhere else. An engine that does not answer is an error kind of its
//! own and is never read as "the container is gone".

pub mod api;
pub mod awaited;
pub mod docker;
pub mod ends;
pub mod error;
pub mod fake;
pub mod labels;
pub mod model;
pub mod socket;
