//! What of throng is left on this machine, as its agent's program sees it without a coordinator. Needs root.

use throng_common::status::Residue;
use throng_common::verdict::Outcome;

use super::agent_program::AgentProgram;
use super::error::DaemonError;

/// Asks `throng-agent audit`. What clusters of another coordinator own counts too: nobody is asked whose it is.
pub async fn audit(agent: &AgentProgram) -> Result<Vec<Residue>, DaemonError> {
    agent.look("audit", &[0, Outcome::Residue.exit_code()]).await
}
