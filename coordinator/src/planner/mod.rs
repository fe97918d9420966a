//! From a scenario and the hosts' facts to a plan, and from a plan to every host's desired state.
//!
//! In: a checked scenario, the hosts' facts, the plan before. Out: a [`plan::Plan`] or all reasons against it, texts
//! filled in, `ClusterSpec`s. Pure: nothing here awaits, reads a clock, the environment or a file, or draws at random.

pub mod description;
pub mod limit;
pub mod plan;
pub mod texts;
