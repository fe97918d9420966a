//! Why a command could not enter its container.

use std::io;

/// Why a command could not enter its container. Shown to people as one line.
#[derive(Debug, thiserror::Error)]
pub(super) enum EnterError {
    /// The arguments make no sense.
    #[error("unknown arguments")]
    Usage,
    /// The container's first process is gone.
    #[error("the node has just ended")]
    Gone,
    /// Something of it cannot be read.
    #[error("cannot read {what} of its first process: {source}")]
    Read { what: &'static str, source: io::Error },
    /// Something of it reads otherwise than any kernel writes it.
    #[error("{what} of its first process makes no sense")]
    Odd { what: &'static str },
    /// It is bounded in a way that is not known here.
    #[error("it has {what}, which only the engine can give")]
    Unknown { what: &'static str },
    /// The kernel refused a step.
    #[error("cannot {step}: {source}")]
    Step { step: &'static str, source: io::Error },
    /// There is nothing to run.
    #[error("no command is given")]
    NoCommand,
    /// There is no such program in the container.
    #[error("no program `{program}` in the container: give an absolute path, or one that is found in PATH={path}")]
    NoProgram { program: String, path: String },
    /// The kernel would not run it.
    #[error("program `{program}` cannot be run: {source}")]
    Exec { program: String, source: io::Error },
}

impl EnterError {
    /// Whether the engine would fare no better: everything was in place but for the program.
    pub(super) fn is_programs_own(&self) -> bool {
        match self {
            Self::NoCommand | Self::NoProgram { .. } | Self::Exec { .. } => true,
            Self::Usage
            | Self::Gone
            | Self::Read { .. }
            | Self::Odd { .. }
            | Self::Unknown { .. }
            | Self::Step { .. } => false,
        }
    }
}

/// A step of the kernel's that failed.
pub(super) fn step<E: Into<io::Error>>(step: &'static str) -> impl Fn(E) -> EnterError {
    move |source| EnterError::Step { step, source: source.into() }
}
