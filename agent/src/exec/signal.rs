//! Signals to nodes, measured in effect where they kill.

use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep};

use super::target::{Means, Target, TargetError};
use crate::host::engine::model::ContainerId;
use crate::resources::process::stop;
use crate::shim::record::ProcessId;

/// How long a killed container's process may take to go.
const KILL_DEADLINE: Duration = Duration::from_secs(10);
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// Sends a signal to a node's first process. With SIGKILL it returns when that process is gone, by the kernel's word and
/// not the engine's.
pub async fn kill(means: &Means, target: Option<&Target>, signal: i32) -> Result<(), TargetError> {
    match target {
        None => Err(TargetError::NotRunning),
        Some(Target::Process { dir }) => Ok(stop::kill(dir, signal).await?),
        Some(Target::Container { id, process }) => kill_container(means, id, *process, signal).await,
    }
}

async fn kill_container(
    means: &Means,
    id: &ContainerId,
    process: Option<ProcessId>,
    signal: i32,
) -> Result<(), TargetError> {
    let engine = means.engine()?;
    let ends = signal == Signal::SIGKILL as i32;
    if ends {
        means.ends.begin(id).await;
    }
    let sent = engine.kill(id, signal).await;
    if sent.is_err() {
        means.ends.over(id);
    }
    match sent {
        // It does not run.
        Err(error) if error.is_conflict() => return Err(TargetError::NotRunning),
        result => result?,
    }
    if !ends {
        return Ok(());
    }
    let deadline = Instant::now() + KILL_DEADLINE;
    loop {
        let alive = match process {
            Some(process) => process.is_alive().then_some(process.pid),
            None => engine.inspect(id.as_str()).await?.pid,
        };
        let Some(pid) = alive else { return Ok(()) };
        if Instant::now() > deadline {
            return Err(TargetError::NoEffect { pid, after: KILL_DEADLINE });
        }
        sleep(LOOK_INTERVAL).await;
    }
}
