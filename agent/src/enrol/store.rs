//! The identity on disk: one file, replaced as a whole, readable by root only.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{EnrolError, Identity};

/// Keeps the identity in a folder (`identity` in the agent's state directory).
#[derive(Debug, Clone)]
pub struct IdentityStore {
    path: PathBuf,
}

impl IdentityStore {
    /// A store in this folder, which need not exist yet.
    pub fn new(folder: &Path) -> Self {
        Self { path: folder.join("identity.json") }
    }

    /// The identity; none when this host has not joined.
    pub fn load(&self) -> Result<Option<Identity>, EnrolError> {
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(EnrolError::File { operation: "read", path: self.path.clone(), source }),
        };
        let damaged =
            |error: serde_json::Error| EnrolError::Damaged { path: self.path.clone(), problem: error.to_string() };
        serde_json::from_slice(&text).map(Some).map_err(damaged)
    }

    /// Writes the identity: after a crash there is the old one or the new one.
    pub fn save(&self, identity: &Identity) -> Result<(), EnrolError> {
        let text = serde_json::to_vec_pretty(identity).expect("an identity is plain text");
        self.write(&text).map_err(|source| EnrolError::File { operation: "write", path: self.path.clone(), source })
    }

    fn write(&self, text: &[u8]) -> io::Result<()> {
        let folder = self.path.parent().ok_or(ErrorKind::NotFound)?;
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let unfinished = self.path.with_added_extension("new");
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(text)?;
        file.sync_all()?;
        std::fs::rename(&unfinished, &self.path)?;
        File::open(folder)?.sync_all()
    }
}
