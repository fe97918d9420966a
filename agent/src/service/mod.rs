//! The gRPC service that the coordinator calls: `throng.agent.v1.Agent`.
//!
//! In: requests, turned into checked values before anything is done. Out: what the rest of the agent says, and errors
//! as status codes, in the one table of [`error`]. Nothing here starts, stops or changes a node: the desired state goes
//! to the reconcile loop, and everything else asks or runs commands.

mod agent;
pub mod audit;
mod commands;
mod context;
mod error;
mod exec_probe;
mod greet;
mod image;
mod logs;
mod request;
mod sampling;
mod terminal;
mod watch;

#[cfg(test)]
mod tests;

pub use agent::AgentService;
pub use context::ServiceParts;
pub use exec_probe::make_exec;
