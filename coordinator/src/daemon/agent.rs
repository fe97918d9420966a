//! This machine's agent: started as root, once, with a token that no argument shows.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use throng_proto::operator::{Coordinator, CreateJoinTokenReply, CreateJoinTokenRequest, GetCoordinatorRequest};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::Instant;

use super::agent_program::{AgentProgram, NAME};
use super::error::DaemonError;
use crate::client::connect::Client;
use crate::client::error::ClientError;
use crate::output::printer::Printer;

/// The name of this machine in a fleet of its own.
pub const LOCAL_HOST: &str = "local";
/// How long the agent's start may take. Somebody may have to type a password meanwhile.
const START_TIMEOUT: Duration = Duration::from_secs(180);
/// How long the coordinator may take to count an agent that says it is connected.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the agent may take to end: it drains within less.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// How often it is looked for meanwhile.
const POLL_EVERY: Duration = Duration::from_millis(50);
/// Passed on to the agent: its state, and what must not outlive a boot. (sudo does not pass on the environment.)
const FOLDERS: [(&str, &str); 2] = [("THRONG_AGENT_STATE_DIR", "--state-dir"), ("THRONG_RUN_DIR", "--run-dir")];

/// Finds this machine's agent connected, or starts it. Says so, and why root is needed. Whether it was started. A
/// coordinator that died in between may have taken the agent's token with it: the one after it gives another.
pub async fn ensure(client: &mut Client, named: Option<&Path>, printer: Printer) -> Result<bool, DaemonError> {
    let before = coordinator(client).await?.epoch;
    let error = match ensure_once(client, named, printer).await {
        Err(error) => error,
        done => return done,
    };
    let deadline = Instant::now() + CONNECT_TIMEOUT;
    loop {
        match coordinator(client).await {
            Ok(now) if now.epoch == before => return Err(error),
            Ok(_) => return ensure_once(client, named, printer).await,
            Err(DaemonError::Client(lost)) if lost.is_lost_connection() && Instant::now() < deadline => {}
            Err(_) => return Err(error),
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

async fn ensure_once(client: &mut Client, named: Option<&Path>, printer: Printer) -> Result<bool, DaemonError> {
    if is_connected(client).await? {
        return Ok(false);
    }
    let program = AgentProgram::find(named).await?;
    let request = CreateJoinTokenRequest { ttl_millis: 0, host: LOCAL_HOST.to_owned() };
    let token = client.create_join_token(request).await.map_err(ClientError::from)?.into_inner();
    start(&program, &token, printer).await?;
    wait(client).await?;
    printer.note("this machine's agent is connected");
    Ok(true)
}

/// Waits until no agent of this machine serves the coordinator at this address any more: it was asked to end.
pub async fn wait_gone(address: &str) -> Result<(), DaemonError> {
    let deadline = Instant::now() + STOP_TIMEOUT;
    while serves(address) {
        if Instant::now() > deadline {
            return Err(DaemonError::AgentStop { seconds: STOP_TIMEOUT.as_secs() });
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    Ok(())
}

/// Whether a process of this machine is the agent of the coordinator at this address, by its command line, which
/// everybody may read. Where /proc hides others' processes there is nothing to wait for.
fn serves(address: &str) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else { return false };
    let ours = |line: Vec<u8>| {
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        words.first().is_some_and(|program| program.ends_with(NAME.as_bytes())) && words.contains(&address.as_bytes())
    };
    processes.flatten().any(|process| std::fs::read(process.path().join("cmdline")).is_ok_and(ours))
}

async fn coordinator(client: &mut Client) -> Result<Coordinator, DaemonError> {
    Ok(client.get_coordinator(GetCoordinatorRequest {}).await.map_err(ClientError::from)?.into_inner())
}

async fn is_connected(client: &mut Client) -> Result<bool, DaemonError> {
    Ok(coordinator(client).await?.connected_hosts.iter().any(|host| host == LOCAL_HOST))
}

async fn wait(client: &mut Client) -> Result<(), DaemonError> {
    let deadline = Instant::now() + CONNECT_TIMEOUT;
    while !is_connected(client).await? {
        if Instant::now() > deadline {
            return Err(DaemonError::AgentConnect { seconds: CONNECT_TIMEOUT.as_secs() });
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    Ok(())
}

async fn start(program: &AgentProgram, token: &CreateJoinTokenReply, printer: Printer) -> Result<(), DaemonError> {
    let (name, mut command) = if nix::unistd::geteuid().is_root() {
        (program.path().display().to_string(), Command::new(program.path()))
    } else {
        printer.stderr("this machine's agent needs root for mounts, kernel settings and the Docker engine: sudo");
        let mut sudo = Command::new("sudo");
        sudo.arg("--").arg(program.path());
        ("sudo".to_owned(), sudo)
    };
    command.args(["start", "--coordinator", &token.address, "--ca-pin", &token.ca_pin]);
    command.args(["--host", LOCAL_HOST, "--token-stdin"]);
    for (variable, option) in FOLDERS {
        if let Some(folder) = std::env::var_os(variable) {
            command.arg(option).arg(folder);
        }
    }
    let spawn = |source| DaemonError::Spawn { program: name.clone(), source };
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true).spawn().map_err(spawn)?;
    let mut stdin = child.stdin.take().expect("stdin was asked for as a pipe");
    // An agent that ends before it reads says why by its exit.
    let _ = stdin.write_all(token.token.as_bytes()).await;
    let _ = stdin.write_all(b"\n").await;
    drop(stdin);
    let late = |_| spawn(std::io::Error::from(std::io::ErrorKind::TimedOut));
    let status = tokio::time::timeout(START_TIMEOUT, child.wait()).await.map_err(late)?.map_err(spawn)?;
    if status.success() {
        return Ok(());
    }
    Err(DaemonError::AgentFailed { command: "start", status, detail: String::new() })
}
