//! Starting, finding and ending this machine's daemons for a command that needs them.
//!
//! In: the state directory, a client. Out: a connected coordinator with this machine's agent. The coordinator runs as
//! whoever called; only the agent is started as root. *Invariant:* nothing here touches the cluster.

pub mod agent;
pub mod agent_program;
pub mod audit;
pub mod coordinator;
pub mod error;
pub mod facts;
