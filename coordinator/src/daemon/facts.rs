//! What this machine has, as its agent's program sees it without being a daemon or root.

use std::process::Stdio;
use std::time::Duration;

use throng_common::status::HostFacts;
use tokio::process::Command;

use super::agent_program::AgentProgram;
use super::error::DaemonError;

/// Reading a host takes well under a second; an engine that hangs is given this.
const FACTS_TIMEOUT: Duration = Duration::from_secs(30);

/// Asks `throng-agent facts`.
pub async fn facts(agent: &AgentProgram) -> Result<HostFacts, DaemonError> {
    let mut command = Command::new(agent.path());
    command.args(["facts", "--format", "json"]).stdin(Stdio::null()).kill_on_drop(true);
    let failed = |source| DaemonError::Spawn { program: agent.path().display().to_string(), source };
    let late = |_| failed(std::io::Error::from(std::io::ErrorKind::TimedOut));
    let output = tokio::time::timeout(FACTS_TIMEOUT, command.output()).await.map_err(late)?.map_err(failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let detail = said.trim().lines().last().map_or_else(String::new, |line| format!(": {line}"));
        return Err(DaemonError::AgentFailed { command: "facts", status: output.status, detail });
    }
    serde_json::from_slice(&output.stdout).map_err(DaemonError::Facts)
}
