//! The process that stands between the agent and a process node, and outlives the agent.
