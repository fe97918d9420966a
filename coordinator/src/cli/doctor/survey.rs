//! What `doctor` looks at. All its effects are here.

use std::path::Path;

use throng_common::error_chain::chain;
use throng_common::status::HostFacts;
use throng_proto::operator::AuditRequest;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::client::error::ClientError;
use crate::daemon::agent_program::AgentProgram;
use crate::daemon::audit::audit;
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
    /// By an audit of kernel and engine: each with its kind.
    Audited(Vec<String>),
    /// Neither a coordinator nor root: only this process's own mount table was read.
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
        let root = nix::unistd::geteuid().is_root();
        let leftovers = leftovers(context, program.as_ref().ok().filter(|_| root)).await;
        Self {
            root,
            sudo: on_path("sudo"),
            agent: program
                .map(|program| program.path().display().to_string())
                .map_err(|error| Problem::of_daemon(&error)),
            facts,
            now_unix_millis: crate::output::time::now_unix_millis(),
            leftovers,
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

/// Asks the coordinator, else (as root) the agent's program, else the mount table.
async fn leftovers(context: &Context, agent: Option<&AgentProgram>) -> Leftovers {
    let problem =
        |text: String, hint: Option<String>| Leftovers::Unknown(Problem { text, hint: hint.unwrap_or_default() });
    match (by_coordinator(context).await, agent) {
        (Ok(found), _) => Leftovers::Audited(found),
        (Err(CliError::Client(ClientError::NoCoordinator { .. })), None) => Leftovers::Mounts(throng_mounts()),
        (Err(CliError::Client(ClientError::NoCoordinator { .. })), Some(agent)) => match audit(agent).await {
            Ok(found) => {
                let kind = |kind| serde_json::to_value(kind).ok().and_then(|value| Some(value.as_str()?.to_owned()));
                let named = found.iter().map(|one| format!("{} {}", kind(one.kind).unwrap_or_default(), one.subject));
                Leftovers::Audited(named.collect())
            }
            Err(error) => problem(error.to_string(), error.hint()),
        },
        (Err(error), _) => problem(chain(&error), error.hint()),
    }
}

async fn by_coordinator(context: &Context) -> Result<Vec<String>, CliError> {
    let mut client = context.client().await?;
    let found = client.audit(AuditRequest { cluster: String::new() }).await?.into_inner().residues;
    Ok(found.iter().map(|residue| format!("{} {} on {}", residue.kind, residue.subject, residue.host)).collect())
}

/// Mount points whose source is marked as a node's ramdisk, `throng:<cluster>/<node>`.
fn throng_mounts() -> Vec<String> {
    let table = std::fs::read_to_string(Path::new("/proc/self/mounts")).unwrap_or_default();
    let ours = table.lines().filter(|line| line.starts_with("throng:"));
    ours.filter_map(|line| line.split_whitespace().nth(1)).map(str::to_owned).collect()
}
