//! Starting a process node.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use throng_failpoints::{Point, hit};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use super::error::ProcessError;
use super::observe::{ProcessState, observe};
use crate::shim::files::{ShimFiles, remove, write_json};
use crate::shim::record::{ExitRecord, PidRecord};
use crate::shim::spec::ShimSpec;

/// How long a shim may take until its program runs: two forks and three execs, on a host that is busy starting 100 nodes.
const START_DEADLINE: Duration = Duration::from_secs(20);
const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// Root only: the spec holds environment variables.
const DIR_MODE: u32 = 0o700;
/// Most of what a shim said that is shown.
const COMPLAINTS_MAX_CHARS: usize = 500;

/// What came of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// It runs.
    Runs(PidRecord),
    /// It has ended already, or could not be started at all: see the record.
    Ended(ExitRecord),
}

/// Starts a node through `program`, this agent's own file. Its folder must hold no living shim; what a shim before left
/// there is overwritten, but for its log.
pub async fn start(program: &Path, dir: &Path, spec: &ShimSpec) -> Result<Started, ProcessError> {
    let folder = |source| ProcessError::Folder { path: dir.to_owned(), source };
    DirBuilder::new().recursive(true).mode(DIR_MODE).create(dir).map_err(folder)?;
    match observe(dir)?.state {
        ProcessState::Absent | ProcessState::Ended(_) | ProcessState::Lost => {}
        ProcessState::Starting | ProcessState::Running(_) | ProcessState::Ending(_) => {
            return Err(ProcessError::Running { path: dir.to_owned() });
        }
    }
    let files = ShimFiles::new(dir);
    remove(&files.pid())?;
    remove(&files.exit())?;
    write_json(&files.spec(), spec)?;
    hit(Point::ShimSpecWritten);
    let deadline = Instant::now() + START_DEADLINE;
    leave_shim(program, dir).await?;
    hit(Point::ShimLeft);
    let launcher = fs::read_link(program).or_else(|_| fs::canonicalize(program)).ok();
    loop {
        match observe(dir)?.state {
            ProcessState::Ended(record) => return Ok(Started::Ended(record)),
            ProcessState::Running(record) if has_become_program(&record, launcher.as_deref()) => {
                hit(Point::ProcessRuns);
                return Ok(Started::Runs(record));
            }
            state => {
                if Instant::now() > deadline {
                    return late(state, &files);
                }
            }
        }
        sleep(LOOK_INTERVAL).await;
    }
}

/// A start that takes too long: what runs is kept, what does not is an error.
fn late(state: ProcessState, files: &ShimFiles) -> Result<Started, ProcessError> {
    if let ProcessState::Running(record) = state {
        return Ok(Started::Runs(record));
    }
    let said = fs::read_to_string(files.complaints()).unwrap_or_default();
    let said: String = said.trim().chars().take(COMPLAINTS_MAX_CHARS).collect();
    let complaints = if said.is_empty() { said } else { format!(": {said}") };
    Err(ProcessError::NoSign { after: START_DEADLINE, complaints })
}

async fn leave_shim(program: &Path, dir: &Path) -> Result<(), ProcessError> {
    let mut command = Command::new(program);
    command.args(["shim", "--dir"]).arg(dir).arg("--detach").env_clear().current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let failed = |source| ProcessError::Shim { source };
    let status = timeout(START_DEADLINE, command.status())
        .await
        .map_err(|_| ProcessError::NoSign { after: START_DEADLINE, complaints: String::new() })?
        .map_err(failed)?;
    if status.success() { Ok(()) } else { Err(failed(std::io::Error::other(format!("it ended with {status}")))) }
}

/// Whether the launcher is the node's program by now, so that "could not start" is no longer possible.
fn has_become_program(record: &PidRecord, launcher: Option<&Path>) -> bool {
    let exe = fs::read_link(PathBuf::from(format!("/proc/{}/exe", record.process.pid))).ok();
    exe.is_some() && exe.as_deref() != launcher
}
