//! This machine's coordinator: found, started in the background, ended.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use throng_proto::operator::{AgentLeft, GetCoordinatorRequest, StopRequest};
use tokio::time::Instant;

use super::agent;
use super::error::DaemonError;
use crate::client::connect::{Client, Target, connect};
use crate::client::error::ClientError;
use crate::output::printer::Printer;
use crate::paths::{StateDir, StateLock};

/// How long a coordinator may take to answer after its start: it opens its database and binds two sockets.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How long it may take to end: its own drain has a shorter deadline.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// How often it is looked for meanwhile.
const POLL_EVERY: Duration = Duration::from_millis(50);
/// How much of its log is shown when it fails.
const TAIL_BYTES: u64 = 4096;
/// How many lines of it.
const TAIL_LINES: usize = 15;

/// A coordinator that answers.
#[derive(Debug)]
pub struct Coordinator {
    /// The client.
    pub client: Client,
    /// Whether it was started just now.
    pub started: bool,
}

/// Finds this machine's coordinator, or starts one and says so.
pub async fn ensure(state: &StateDir, printer: Printer) -> Result<Coordinator, DaemonError> {
    // One that somebody kills while it starts says nothing of the next.
    let mut is_first = true;
    loop {
        match answering(state).await {
            Ok(client) => return Ok(Coordinator { client, started: false }),
            Err(ClientError::NoCoordinator { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        state.create()?;
        let child = start(state)?;
        let pid = child.id();
        match wait(state, child).await {
            Ok(client) => {
                printer.note(&format!("started a coordinator (pid {pid}, state in {})", state.root().display()));
                return Ok(Coordinator { client, started: true });
            }
            Err(DaemonError::CoordinatorStart { killed: true, .. }) if is_first => is_first = false,
            Err(error) => return Err(error),
        }
    }
}

/// Asks the coordinator to end together with its agents, and waits until it has: for this machine's (`state`), until
/// its process and that of the agent are gone. The agents that did not say that they end.
pub async fn stop(client: &mut Client, target: &Target, state: &StateDir) -> Result<Vec<AgentLeft>, DaemonError> {
    let address =
        client.get_coordinator(GetCoordinatorRequest {}).await.map_err(ClientError::from)?.into_inner().address;
    let reply = client.stop(StopRequest { agents: true }).await.map_err(ClientError::from)?.into_inner();
    let local = match target {
        Target::Local(_) => true,
        Target::Remote(_) => false,
    };
    let deadline = Instant::now() + STOP_TIMEOUT;
    while connect(target).await.is_ok() || (local && StateLock::holder(state).is_some()) {
        if Instant::now() > deadline {
            return Err(DaemonError::CoordinatorStop { seconds: STOP_TIMEOUT.as_secs() });
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    if local && reply.agents_left.is_empty() {
        agent::wait_gone(&address).await?;
    }
    Ok(reply.agents_left)
}

/// Connected is not enough: the first answer shows that it serves.
async fn answering(state: &StateDir) -> Result<Client, ClientError> {
    let mut client = connect(&Target::Local(state.socket())).await?;
    client.get_coordinator(GetCoordinatorRequest {}).await?;
    Ok(client)
}

/// This same program again. It leaves our session by itself (`--detached`), so that no key reaches it.
fn start(state: &StateDir) -> Result<Child, DaemonError> {
    let path = state.log();
    let log = |source| DaemonError::Log { path: path.clone(), source };
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(log)?;
    let also = file.try_clone().map_err(log)?;
    let spawn = |source| DaemonError::Spawn { program: "throng".to_owned(), source };
    let program = std::env::current_exe().map_err(spawn)?;
    Command::new(program)
        .arg("--state-dir")
        .arg(state.root())
        .args(["serve", "--detached"])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(also)
        .spawn()
        .map_err(spawn)
}

async fn wait(state: &StateDir, mut child: Child) -> Result<Client, DaemonError> {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        let ended = child.try_wait().ok().flatten();
        // Looked at after the child: another command may have started the coordinator that answers.
        let problem = match answering(state).await {
            Ok(client) => return Ok(client),
            Err(error) => error.to_string(),
        };
        // Another command may have started one in the same moment, which has the directory and does not answer yet.
        if let Some(status) = ended
            && !StateLock::is_held(state)
        {
            return Err(failed(state, format!("it ended with {status}"), status.signal().is_some()));
        }
        if Instant::now() > deadline {
            // It may hang: nothing that we started is left behind.
            let _ = child.kill();
            let _ = child.wait();
            return Err(failed(state, format!("after {} s {problem}", START_TIMEOUT.as_secs()), false));
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

fn failed(state: &StateDir, problem: String, killed: bool) -> DaemonError {
    let log = state.log();
    let tail = tail(&log);
    DaemonError::CoordinatorStart { problem, killed, log, tail }
}

/// The last lines of a log; empty where it cannot be read.
fn tail(path: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL_LINES);
    lines[from..].iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}
