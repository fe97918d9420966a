//! Why a program could not be started.

use std::io;
use std::path::PathBuf;

use crate::shim::files::ShimFileError;

/// Why a program could not be started. Shown to people as one line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaunchError {
    /// What to run cannot be read.
    #[error(transparent)]
    Spec(#[from] ShimFileError),
    /// There is nothing to run.
    #[error("no command is given")]
    NoCommand,
    /// Its control group does not take it.
    #[error("control group file {} refused it: {source}", path.display())]
    Cgroup { path: PathBuf, source: io::Error },
    /// So many open files are more than this host allows.
    #[error("open files cannot be limited to {wanted}: this host allows {allowed} at most; lower `nofile`")]
    Nofile { wanted: u64, allowed: u64 },
    /// No such user.
    #[error("user `{user}` is unknown on this host: give `uid:gid`, or a name that `getent passwd` knows")]
    UnknownUser { user: String },
    /// No such group.
    #[error("group `{group}` is unknown on this host: give a number, or a name that `getent group` knows")]
    UnknownGroup { group: String },
    /// The kernel refused a step.
    #[error("cannot {step}: {source}")]
    Step { step: &'static str, source: io::Error },
    /// Its working folder is of no use to it.
    #[error("working folder {} cannot be entered as user {user}: {source}", path.display())]
    Workdir { path: PathBuf, user: String, source: io::Error },
    /// The shim ended meanwhile.
    #[error("its shim has ended")]
    Orphaned,
    /// There is no such program.
    #[error("no program `{program}`: give an absolute path, or one that is found in PATH={path}")]
    NoProgram { program: String, path: String },
    /// The kernel would not run it.
    #[error("program `{program}` cannot be run: {source}")]
    Exec { program: String, source: io::Error },
    /// The file that is to be read cannot be.
    #[error("{}: {source}", path.display())]
    ReadFile { path: PathBuf, source: io::Error },
    /// It is a folder, a device or the like.
    #[error("{} is not a regular file", path.display())]
    NotAFile { path: PathBuf },
}
