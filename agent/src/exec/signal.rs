//! Signals to nodes, measured in effect where they kill.

use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep};

use super::target::{Means, Target, TargetError, kernel};
use crate::host::engine::model::ContainerId;
use crate::host::procs::end::ProcessEnd;
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
    let ends = signal == Signal::SIGKILL as i32;
    if ends {
        means.ends.begin(id).await;
    }
    let sent = match process {
        Some(process) => kill_process(process, signal).await,
        None => kill_by_engine(means, id, signal).await,
    };
    if sent.is_err() {
        means.ends.over(id);
    }
    sent
}

/// The container's first process, as the engine would: it need not be asked, and may hang.
async fn kill_process(process: ProcessId, signal: i32) -> Result<(), TargetError> {
    let pid = process.pid;
    let end = ProcessEnd::of(pid).map_err(kernel("watch the process"))?;
    // Only now is it known whose end that is.
    if !process.is_alive() || !end.signal(signal).map_err(kernel("send the signal"))? {
        return Err(TargetError::NotRunning);
    }
    if signal == Signal::SIGKILL as i32 && !end.within(KILL_DEADLINE).await {
        return Err(TargetError::NoEffect { pid, after: KILL_DEADLINE });
    }
    Ok(())
}

/// A container whose process is not known.
async fn kill_by_engine(means: &Means, id: &ContainerId, signal: i32) -> Result<(), TargetError> {
    let engine = means.engine()?;
    match engine.kill(id, signal).await {
        // It does not run.
        Err(error) if error.is_conflict() => return Err(TargetError::NotRunning),
        result => result?,
    }
    if signal != Signal::SIGKILL as i32 {
        return Ok(());
    }
    let deadline = Instant::now() + KILL_DEADLINE;
    loop {
        let Some(pid) = engine.inspect(id.as_str()).await?.pid else { return Ok(()) };
        if Instant::now() > deadline {
            return Err(TargetError::NoEffect { pid, after: KILL_DEADLINE });
        }
        sleep(LOOK_INTERVAL).await;
    }
}
