//! Where a node runs, as commands, logs and file reads need to know it.

use std::path::PathBuf;
use std::sync::Arc;

use throng_common::size::ByteSize;

use crate::enter::program::SealedProgram;
use crate::host::engine::api::Engine;
use crate::host::engine::ends::Ends;
use crate::host::engine::error::EngineError;
use crate::host::engine::model::ContainerId;
use crate::logs::file::FILE_MAX_BYTES;
use crate::logs::followers::Followers;
use crate::shim::record::ProcessId;

/// Where a node runs, or ran last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// In a container.
    Container {
        /// The container.
        id: ContainerId,
        /// Its first process, while it runs.
        process: Option<ProcessId>,
    },
    /// As a process of the host, with this shim's folder.
    Process {
        /// The shim's folder.
        dir: PathBuf,
    },
}

/// What runs commands: the engine, and this agent's own program.
#[derive(Clone)]
pub struct Means {
    /// The engine; none where the host has none.
    pub engine: Option<Arc<dyn Engine>>,
    /// The file of this agent, by which launchers are started: `/proc/self/exe` but in tests.
    pub program: PathBuf,
    /// The same, sealed, by which commands enter containers; none where that cannot be had: then the engine runs them.
    pub entrance: Option<Arc<SealedProgram>>,
    /// Ends that the engine has still to tell.
    pub ends: Arc<Ends>,
    /// Logs that are followed through the engine.
    pub followers: Followers,
}

/// Why something could not be done in a node.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It has no container and no process.
    #[error("the node does not run")]
    NotRunning,
    /// The host has no engine.
    #[error("the host has no container engine")]
    NoEngine,
    /// Too many logs are followed at once.
    #[error("{most} logs are followed on this host: end another `throng logs -f`, or raise its limit of open files")]
    Followed {
        /// How many may be.
        most: usize,
    },
    /// The engine did not do it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The program could not be started.
    #[error("could not start: {0}")]
    CouldNotStart(String),
    /// The command could not enter its container, and was not run.
    #[error("could not enter the container: {0}")]
    NotEntered(String),
    /// The kernel refused a step.
    #[error("cannot {what}")]
    Kernel {
        /// What was tried.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A file is larger than what is given of one.
    #[error(
        "the file has {}, at most {} are given",
        String::from(ByteSize::bytes(*total_bytes)),
        String::from(ByteSize::bytes(*max_bytes))
    )]
    TooLarge {
        /// How large it is.
        total_bytes: u64,
        /// Most bytes that are given.
        max_bytes: u64,
    },
    /// The signal had no effect in time.
    #[error("process {pid} is still there {after:?} after the signal")]
    NoEffect {
        /// The process.
        pid: u32,
        /// How long it was waited for.
        after: std::time::Duration,
    },
    /// The node's process did not do it.
    #[error(transparent)]
    Process(#[from] crate::resources::process::error::ProcessError),
}

impl TargetError {
    /// What a person can do about it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::TooLarge { max_bytes, .. } if *max_bytes < FILE_MAX_BYTES => Some("ask for more with --max"),
            Self::TooLarge { .. } => Some("compress or split it in the node first, with `throng exec`"),
            Self::NotRunning
            | Self::NoEngine
            | Self::Followed { .. }
            | Self::Engine(_)
            | Self::CouldNotStart(_)
            | Self::NotEntered(_)
            | Self::Kernel { .. }
            | Self::NoEffect { .. }
            | Self::Process(_) => None,
        }
    }
}

impl Means {
    /// The engine, or the error that there is none.
    pub fn engine(&self) -> Result<&Arc<dyn Engine>, TargetError> {
        self.engine.as_ref().ok_or(TargetError::NoEngine)
    }
}

/// A step of the kernel's that failed.
pub(crate) fn kernel(what: &'static str) -> impl Fn(std::io::Error) -> TargetError {
    move |source| TargetError::Kernel { what, source }
}
