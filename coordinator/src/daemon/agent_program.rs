//! The agent's program: where it lies, and whether it is of this build.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::de::DeserializeOwned;
use throng_proto::version::BUILD;
use tokio::process::Command;

use super::error::DaemonError;

/// Its file name.
pub(super) const NAME: &str = "throng-agent";
/// What builds it.
pub const BUILD_COMMAND: &str = "cargo build -p throng-agent";
/// A program that does not say its version in this time is not ours.
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);

/// Looking at a host takes well under a second; an engine that hangs is given this.
const LOOK_TIMEOUT: Duration = Duration::from_secs(30);

/// The agent's program, checked to be of this build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentProgram {
    path: PathBuf,
}

impl AgentProgram {
    /// Finds and checks it: `named` (`--agent`, THRONG_AGENT), else beside this program, else in `../libexec`.
    pub async fn find(named: Option<&Path>) -> Result<Self, DaemonError> {
        let here = std::env::current_exe().ok();
        let candidates = candidates(named, here.as_deref());
        let Some(path) = candidates.iter().find(|path| path.is_file()) else {
            let looked_for = candidates.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
            return Err(DaemonError::AgentMissing { looked_for });
        };
        // sudo resolves relative paths elsewhere.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let agent = version(&path).await?;
        if agent == BUILD { Ok(Self { path }) } else { Err(DaemonError::AgentBuild { path, agent, throng: BUILD }) }
    }

    /// Runs one of its commands that only look, and reads the JSON that it prints. Exit codes other than `good` mean
    /// that there is none.
    pub(super) async fn look<T: DeserializeOwned>(&self, name: &'static str, good: &[u8]) -> Result<T, DaemonError> {
        let mut command = Command::new(&self.path);
        command.args([name, "--format", "json"]).stdin(Stdio::null()).kill_on_drop(true);
        let failed = |source| DaemonError::Spawn { program: self.path.display().to_string(), source };
        let late = |_| failed(std::io::Error::from(std::io::ErrorKind::TimedOut));
        let output = tokio::time::timeout(LOOK_TIMEOUT, command.output()).await.map_err(late)?.map_err(failed)?;
        if !good.iter().any(|code| output.status.code() == Some(i32::from(*code))) {
            let said = String::from_utf8_lossy(&output.stderr);
            let detail = said.trim().lines().last().map_or_else(String::new, |line| format!(": {line}"));
            return Err(DaemonError::AgentFailed { command: name, status: output.status, detail });
        }
        serde_json::from_slice(&output.stdout).map_err(|source| DaemonError::Unreadable { command: name, source })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Where it may lie, the first that exists counts. A named one is the only one.
fn candidates(named: Option<&Path>, throng: Option<&Path>) -> Vec<PathBuf> {
    if let Some(named) = named {
        return vec![named.to_owned()];
    }
    let folder = throng.and_then(Path::parent);
    let prefix = folder.and_then(Path::parent);
    let beside = folder.map(|folder| folder.join(NAME));
    let libexec = prefix.map(|prefix| prefix.join("libexec").join(NAME));
    let libexec_own = prefix.map(|prefix| prefix.join("libexec/throng").join(NAME));
    [beside, libexec, libexec_own].into_iter().flatten().collect()
}

async fn version(path: &Path) -> Result<String, DaemonError> {
    let spawned = Command::new(path).arg("--version").stdin(Stdio::null()).kill_on_drop(true).output();
    let failed = |source| DaemonError::Spawn { program: path.display().to_string(), source };
    let late = |_| failed(std::io::Error::from(std::io::ErrorKind::TimedOut));
    let output = tokio::time::timeout(VERSION_TIMEOUT, spawned).await.map_err(late)?.map_err(failed)?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.trim().strip_prefix(NAME).map_or_else(|| "unknown".to_owned(), |build| build.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn program(folder: &Path, version: &str) -> PathBuf {
        let path = folder.join(NAME);
        std::fs::write(&path, format!("#!/bin/sh\necho '{version}'\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn a_named_program_is_the_only_one_looked_for() {
        let named = candidates(Some(Path::new("/x/agent")), Some(Path::new("/usr/bin/throng")));
        assert_eq!(named, [PathBuf::from("/x/agent")]);
        let found = candidates(None, Some(Path::new("/usr/bin/throng")));
        let expected = ["/usr/bin/throng-agent", "/usr/libexec/throng-agent", "/usr/libexec/throng/throng-agent"];
        assert_eq!(found, expected.map(PathBuf::from));
    }

    #[tokio::test]
    async fn a_program_of_another_build_is_refused_with_both_builds_and_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = program(folder.path(), "throng-agent 0.0.1");
        let error = AgentProgram::find(Some(&path)).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("0.0.1") && text.contains(BUILD), "{text}");
        assert!(error.hint().unwrap().contains(BUILD_COMMAND));
    }

    #[tokio::test]
    async fn a_program_of_this_build_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = program(folder.path(), &format!("throng-agent {BUILD}"));
        assert_eq!(AgentProgram::find(Some(&path)).await.unwrap().path(), path);
    }

    #[tokio::test]
    async fn without_a_program_every_place_looked_at_is_named() {
        let error = AgentProgram::find(Some(Path::new("/nowhere/throng-agent"))).await.unwrap_err();
        assert!(error.to_string().contains("/nowhere/throng-agent"), "{error}");
    }
}
