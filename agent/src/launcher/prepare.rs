//! What a process does to itself before it becomes the node's program, in this order.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use nix::sys::prctl::{set_no_new_privs, set_pdeathsig};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{getppid, setsid, ttyname};

use super::error::LaunchError;
use super::user::{self, Identity};
use crate::shim::spec::LaunchSpec;

/// Files are made readable for all, as a login shell has it.
const UMASK: Mode = Mode::from_bits_truncate(0o022);

/// How it is to be prepared, beside what the spec says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Manner {
    /// Ends when this process, its parent, does.
    pub(super) die_with: Option<u32>,
    /// Its standard input is a terminal that becomes its controlling one.
    pub(super) terminal: bool,
    /// Its soft limit of open files, of a node that was started before that was kept with it.
    pub(super) nofile_soft: Option<u64>,
}

/// Does it all; afterwards this process is the node's user's in every respect.
pub(super) fn prepare(spec: &LaunchSpec, manner: &Manner) -> Result<Identity, LaunchError> {
    for path in &spec.procs_files {
        // 0 stands for whoever writes it.
        fs::write(path, "0").map_err(|source| LaunchError::Cgroup { path: path.clone(), source })?;
    }
    if let Some(score) = spec.oom_score_adj {
        // Best effort: lowering it needs a privilege that not every host's root has.
        let _ = fs::write("/proc/self/oom_score_adj", score.to_string());
    }
    match (spec.nofile, spec.nofile_soft.or(manner.nofile_soft)) {
        (Some(wanted), _) => limit_files(wanted)?,
        (None, Some(soft)) => limit_files_softly(soft)?,
        (None, None) => {}
    }
    // It leads a session of its own, by which all that it starts is found. Fails only where it does so already.
    let _ = setsid();
    if manner.terminal {
        take_terminal()?;
    }
    let identity = user::find(&spec.user)?;
    user::become_user(&identity)?;
    set_no_new_privs().map_err(|error| step("give up new privileges", error))?;
    umask(UMASK);
    if let Some(parent) = manner.die_with {
        // After the change of user, which clears it. A parent that died before it was set is noticed by looking.
        set_pdeathsig(Signal::SIGKILL).map_err(|error| step("be bound to the shim's life", error))?;
        if u32::try_from(getppid().as_raw()) != Ok(parent) {
            return Err(LaunchError::Orphaned);
        }
    }
    enter(&spec.workdir, &spec.user)?;
    Ok(identity)
}

fn step(step: &'static str, error: nix::Error) -> LaunchError {
    LaunchError::Step { step, source: error.into() }
}

fn limit_files(wanted: u64) -> Result<(), LaunchError> {
    let failed = setrlimit(Resource::RLIMIT_NOFILE, wanted, wanted).is_err();
    if failed {
        let (_, allowed) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| step("read the limits", error))?;
        return Err(LaunchError::Nofile { wanted, allowed });
    }
    Ok(())
}

fn limit_files_softly(soft: u64) -> Result<(), LaunchError> {
    let failed = |error| step("have the usual limit of open files", error);
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(failed)?;
    setrlimit(Resource::RLIMIT_NOFILE, soft.min(hard), hard).map_err(failed)
}

/// A leader of a session without a terminal gets the first one that it opens as its controlling one.
fn take_terminal() -> Result<(), LaunchError> {
    let name = ttyname(io::stdin()).map_err(|error| step("find its terminal", error))?;
    let opened = File::options().read(true).write(true).open(name);
    opened.map(drop).map_err(|source| LaunchError::Step { step: "take its terminal", source })
}

fn enter(workdir: &Path, user: &str) -> Result<(), LaunchError> {
    std::env::set_current_dir(workdir).map_err(|source| LaunchError::Workdir {
        path: workdir.to_owned(),
        user: user.to_owned(),
        source,
    })
}
