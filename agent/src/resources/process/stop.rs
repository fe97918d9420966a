//! Ending a process node, whole.

use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use throng_common::host_spec::StopSpec;
use tokio::time::{Instant, sleep};

use super::error::ProcessError;
use super::observe::{ProcessObservation, ProcessState, observe};
use crate::host::procs::end::ProcessEnd;
use crate::shim::members::{Members, send};

/// How long processes may take to die of SIGKILL: one in the midst of a large write takes seconds.
const KILL_DEADLINE: Duration = Duration::from_secs(10);
/// How long a shim may take to write its last record.
const SHIM_DEADLINE: Duration = Duration::from_secs(15);
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// Asks the node's process to end, waits, kills what is left, and looks that nothing is. A node that does not run is
/// cleaned of leftovers only. Safe to repeat.
pub async fn stop(dir: &Path, stop: &StopSpec) -> Result<(), ProcessError> {
    if let Some(end) = ask(dir, stop.signal)? {
        end.within(stop.grace).await;
    }
    kill_leftovers(dir).await
}

/// Asks the node's first process to end; its end, to be waited for. None where none runs.
pub fn ask(dir: &Path, number: i32) -> Result<Option<ProcessEnd>, ProcessError> {
    let ProcessState::Running(record) = observe(dir)?.state else { return Ok(None) };
    let pid = record.process.pid;
    let end = ProcessEnd::of(pid).map_err(|source| ProcessError::Watch { pid, source })?;
    signal(pid, number)?;
    Ok(Some(end))
}

/// Kills all that is left of a node, with its shim's last word.
pub async fn kill_leftovers(dir: &Path) -> Result<(), ProcessError> {
    let seen = await_start(dir).await?;
    kill_members(seen.members).await?;
    let deadline = Instant::now() + SHIM_DEADLINE;
    loop {
        let seen = observe(dir)?;
        match seen.state {
            ProcessState::Absent | ProcessState::Ended(_) | ProcessState::Lost => {
                return kill_members(seen.members).await;
            }
            // It came up in between: it goes as the others did.
            ProcessState::Running(_) => kill_members(seen.members).await?,
            ProcessState::Starting | ProcessState::Ending(_) => {}
        }
        if Instant::now() > deadline {
            return Err(ProcessError::ShimStuck { path: dir.to_owned() });
        }
        sleep(LOOK_INTERVAL).await;
    }
}

/// Sends a signal to the node's first process. With SIGKILL, waits until it is gone.
pub async fn kill(dir: &Path, number: i32) -> Result<(), ProcessError> {
    let ProcessState::Running(record) = observe(dir)?.state else { return Err(ProcessError::NotRunning) };
    signal(record.process.pid, number)?;
    if number != Signal::SIGKILL as i32 {
        return Ok(());
    }
    let deadline = Instant::now() + KILL_DEADLINE;
    while record.process.is_alive() {
        if Instant::now() > deadline {
            return Err(ProcessError::Survivors { pids: [record.process.pid].into() });
        }
        sleep(LOOK_INTERVAL).await;
    }
    Ok(())
}

fn signal(pid: u32, number: i32) -> Result<(), ProcessError> {
    let failed = |source| ProcessError::Signal { pid, signal: number, source };
    let signal = Signal::try_from(number).map_err(failed)?;
    match send(pid, Some(signal)) {
        // It ended in between, which is what was wanted.
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// A shim that has just begun says in a moment whom it started.
async fn await_start(dir: &Path) -> Result<ProcessObservation, ProcessError> {
    let deadline = Instant::now() + SHIM_DEADLINE;
    loop {
        let seen = observe(dir)?;
        if seen.state != ProcessState::Starting {
            return Ok(seen);
        }
        if Instant::now() > deadline {
            return Err(ProcessError::ShimStuck { path: dir.to_owned() });
        }
        sleep(LOOK_INTERVAL).await;
    }
}

async fn kill_members(members: Members) -> Result<(), ProcessError> {
    let left = tokio::task::spawn_blocking(move || members.kill_all(KILL_DEADLINE)).await;
    // The task does not panic and is not cancelled.
    match left {
        Ok(pids) if !pids.is_empty() => Err(ProcessError::Survivors { pids }),
        Ok(_) | Err(_) => Ok(()),
    }
}
