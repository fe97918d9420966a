//! The files of a shim's folder, and reading and writing them so that no reader ever sees half of one.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Readable by root only: a spec holds environment variables.
const FILE_MODE: u32 = 0o600;

/// The files of one shim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShimFiles {
    dir: PathBuf,
}

/// Why a file of the shim's folder is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ShimFileError {
    /// It cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be written.
    #[error("{path} cannot be written: is the file system full?")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what it should be.
    #[error("{path} is not understood: was it written by another version?")]
    Garbled {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

impl ShimFiles {
    /// The files in this folder, whether they exist or not.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What is to be run.
    pub fn spec(&self) -> PathBuf {
        self.dir.join("shim.json")
    }

    /// Held by the shim while it lives.
    pub fn lock(&self) -> PathBuf {
        self.dir.join("shim.lock")
    }

    /// Who runs.
    pub fn pid(&self) -> PathBuf {
        self.dir.join("pid.json")
    }

    /// How it ended.
    pub fn exit(&self) -> PathBuf {
        self.dir.join("exit.json")
    }

    /// The newer part of what it wrote.
    pub fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// The older part.
    pub fn old_log(&self) -> PathBuf {
        self.dir.join("log.1")
    }

    /// What the shim itself has to say, where it cannot say it in an exit record.
    pub fn complaints(&self) -> PathBuf {
        self.dir.join("shim.err")
    }
}

/// Reads a file; none where it does not exist.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ShimFileError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ShimFileError::Read { path: path.to_owned(), source }),
    };
    serde_json::from_slice(&text).map(Some).map_err(|source| ShimFileError::Garbled { path: path.to_owned(), source })
}

/// Writes a file beside its place, has it on disk, and moves it there.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), ShimFileError> {
    let text = serde_json::to_vec(value).map_err(|source| ShimFileError::Garbled { path: path.to_owned(), source })?;
    let beside = path.with_extension("tmp");
    let write = || {
        let mut file = File::options().write(true).create(true).truncate(true).mode(FILE_MODE).open(&beside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| ShimFileError::Write { path: path.to_owned(), source })
}

/// Removes a file; one that does not exist is removed already.
pub fn remove(path: &Path) -> Result<(), ShimFileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ShimFileError::Write { path: path.to_owned(), source: error })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
