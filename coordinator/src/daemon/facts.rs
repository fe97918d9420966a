//! What this machine has, as its agent's program sees it without being a daemon or root.

use throng_common::status::HostFacts;

use super::agent_program::AgentProgram;
use super::error::DaemonError;

/// Asks `throng-agent facts`.
pub async fn facts(agent: &AgentProgram) -> Result<HostFacts, DaemonError> {
    agent.look("facts", &[0]).await
}
