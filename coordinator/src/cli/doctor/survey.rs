//! What `doctor` looks at. All its effects are here.

use std::path::Path;

use throng_common::status::HostFacts;
use throng_proto::operator::{AuditRequest, Residue};

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::client::error::ClientError;
use crate::daemon::agent_program::AgentProgram;
use crate::daemon::error::DaemonError;
use crate::daemon::facts::facts;

/// What was seen of this machine.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) root: bool,
    /// Whether there is a `sudo` on the path.
    pub(super) sudo: bool,
    /// The agent's program, and what it says of the machine.
    pub(super) agent: Result<String, Problem>,
    pub(super) facts: Option<Result<HostFacts, Problem>>,
    pub(super) now_unix_millis: u64,
    pub(super) leftovers: Leftovers,
}

/// Something that could not be had, with its remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) text: String,
    pub(super) hint: String,
}

/// What is left of earlier clusters, and how it was looked for.
#[derive(Debug)]
pub(super) enum Leftovers {
    /// By the connected agents' audit of kernel and engine.
    Audited(Vec<Residue>),
    /// No coordinator runs: only this process's own mount table was read.
    Mounts(Vec<String>),
    /// The audit failed.
    Unknown(Problem),
}

impl Survey {
    /// Looks at everything.
    pub(super) async fn take(context: &Context) -> Self {
        let program = AgentProgram::find(context.agent.as_deref()).await;
        let facts = match &program {
            Ok(program) => Some(facts(program).await.map_err(|error| Problem::of_daemon(&error))),
            Err(_) => None,
        };
        Self {
            root: nix::unistd::geteuid().is_root(),
            sudo: on_path("sudo"),
            agent: program
                .map(|program| program.path().display().to_string())
                .map_err(|error| Problem::of_daemon(&error)),
            facts,
            now_unix_millis: crate::output::time::now_unix_millis(),
            leftovers: leftovers(context).await,
        }
    }
}

impl Problem {
    fn of_daemon(error: &DaemonError) -> Self {
        let source = std::error::Error::source(error).map_or_else(String::new, |source| format!(": {source}"));
        Self { text: format!("{error}{source}"), hint: error.hint().unwrap_or_default() }
    }
}

fn on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

async fn leftovers(context: &Context) -> Leftovers {
    match audit(context).await {
        Ok(residues) => Leftovers::Audited(residues),
        Err(CliError::Client(ClientError::NoCoordinator { .. })) => Leftovers::Mounts(throng_mounts()),
        Err(error) => Leftovers::Unknown(Problem { text: error.chain(), hint: error.hint().unwrap_or_default() }),
    }
}

async fn audit(context: &Context) -> Result<Vec<Residue>, CliError> {
    let mut client = context.client().await?;
    Ok(client.audit(AuditRequest { cluster: String::new() }).await?.into_inner().residues)
}

/// Mount points whose source is marked as a node's ramdisk, `throng:<cluster>/<node>`.
fn throng_mounts() -> Vec<String> {
    let table = std::fs::read_to_string(Path::new("/proc/self/mounts")).unwrap_or_default();
    let ours = table.lines().filter(|line| line.starts_with("throng:"));
    ours.filter_map(|line| line.split_whitespace().nth(1)).map(str::to_owned).collect()
}
