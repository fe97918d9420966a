//! What a shim's folder says of its node.

use std::fs::File;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::shim::files::{ShimFileError, ShimFiles, read_json};
use crate::shim::members::Members;
use crate::shim::record::{ExitRecord, PidRecord, boot_id};
use crate::shim::spec::ShimSpec;

/// What a shim's folder says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessObservation {
    /// Where the node stands.
    pub state: ProcessState,
    /// The digest of what it was started from; none if it never was.
    pub digest: Option<String>,
    /// Where its processes are found, also those that outlived their shim.
    pub members: Members,
}

/// Where a process node stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessState {
    /// It was never started.
    Absent,
    /// Its shim lives and has not started it yet.
    Starting,
    /// It runs.
    Running(PidRecord),
    /// It has ended; its shim is about to say how.
    Ending(PidRecord),
    /// It has ended.
    Ended(ExitRecord),
    /// Its shim ended without a word: killed, or the host was rebooted. How the node ended is not known.
    Lost,
}

/// Reads it all. Reads only: safe at any time, also of another agent's node.
pub fn observe(dir: &Path) -> Result<ProcessObservation, ShimFileError> {
    let files = ShimFiles::new(dir);
    // The lock first: once it is free, an exit record was written or never will be.
    let is_held = is_held(&files)?;
    let exit: Option<ExitRecord> = read_json(&files.exit())?;
    let spec: Option<ShimSpec> = read_json(&files.spec())?;
    let record: Option<PidRecord> = read_json(&files.pid())?;
    let of_this_boot = record.clone().filter(|record| boot_id().is_ok_and(|boot| boot == record.boot_id));
    let state = match (exit, is_held, of_this_boot.clone()) {
        (Some(exit), _, _) => ProcessState::Ended(exit),
        (None, true, None) => ProcessState::Starting,
        (None, true, Some(record)) if record.process.is_alive() => ProcessState::Running(record),
        (None, true, Some(record)) => ProcessState::Ending(record),
        (None, false, _) if record.is_some() => ProcessState::Lost,
        (None, false, _) => ProcessState::Absent,
    };
    let procs_files = spec.as_ref().map(|spec| spec.launch.procs_files.clone()).unwrap_or_default();
    let members = Members { procs_files, leader: of_this_boot.map(|record| record.process) };
    Ok(ProcessObservation { state, digest: spec.map(|spec| spec.digest), members })
}

/// Whether a shim lives in this folder.
fn is_held(files: &ShimFiles) -> Result<bool, ShimFileError> {
    let path = files.lock();
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(ShimFileError::Read { path, source }),
    };
    match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Ok(_lock) => Ok(false),
        Err((_, Errno::EWOULDBLOCK)) => Ok(true),
        Err((_, error)) => Err(ShimFileError::Read { path, source: error.into() }),
    }
}
