//! From a scenario and the hosts' facts to a plan, and from a plan to every host's desired state.
//!
//! In: a checked scenario, the hosts' facts, the plan before. Out: a [`plan::Plan`] or all reasons against it, texts
//! filled in, `ClusterSpec`s. Pure: nothing here awaits, reads a clock, the environment or a file, or draws at random.

mod address;
mod allocator;
mod arithmetic;
mod assess;
mod demand;
pub mod description;
pub mod estimate;
mod gauge;
mod hosts;
pub mod imagined;
pub mod input;
mod layout;
pub mod limit;
mod memory;
mod needs;
mod node_spec;
mod notes;
mod order;
mod placement;
pub mod plan;
pub mod planning;
pub mod preparing;
pub mod refusal;
mod remedy;
pub mod render;
mod search;
mod start;
mod structure;
pub mod texts;
mod tuning;

#[cfg(test)]
pub(crate) mod tests;
