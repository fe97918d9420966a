//! Why a process node is not as wanted.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;

use crate::shim::files::ShimFileError;

/// Why a process node is not as wanted.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// A file of its folder is of no use.
    #[error(transparent)]
    File(#[from] ShimFileError),
    /// Its folder cannot be made.
    #[error("folder {} cannot be made", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It runs already.
    #[error("a shim is at work in {} already: stop the node first", path.display())]
    Running {
        /// Its folder.
        path: PathBuf,
    },
    /// The shim cannot be run.
    #[error("the shim cannot be run")]
    Shim {
        /// Why.
        source: io::Error,
    },
    /// The shim gave no sign of life.
    #[error("the shim has not come up within {after:?}{complaints}")]
    NoSign {
        /// How long it was waited for.
        after: Duration,
        /// What it said, with a colon before it.
        complaints: String,
    },
    /// A signal could not be sent.
    #[error("signal {signal} cannot be sent to process {pid}")]
    Signal {
        /// The process.
        pid: u32,
        /// The signal.
        signal: i32,
        /// Why.
        source: Errno,
    },
    /// Its end cannot be waited for.
    #[error("the end of process {pid} cannot be waited for")]
    Watch {
        /// The process.
        pid: u32,
        /// Why.
        source: io::Error,
    },
    /// There is nobody to send a signal to.
    #[error("its process does not run")]
    NotRunning,
    /// Processes of it are still there.
    #[error(
        "processes {pids:?} of the node could not be killed: look at their state with `ps -o pid,stat,wchan,cmd -p PID`"
    )]
    Survivors {
        /// Their ids.
        pids: BTreeSet<u32>,
    },
    /// The shim does not end though nothing is left for it to do.
    #[error("the shim of {} does not end", path.display())]
    ShimStuck {
        /// Its folder.
        path: PathBuf,
    },
}
