//! From the files wanted and those there to the writes between. Pure.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use throng_common::host_spec::FileSpec;

use super::beneath::{Owner, relative};
use super::error::FilesError;

/// A file that a node should have, relative to its folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DesiredFile {
    /// Where.
    pub path: PathBuf,
    /// Its contents.
    pub contents: Vec<u8>,
    /// Its permissions.
    pub mode: u32,
    /// Its owner.
    pub owner: Owner,
}

impl DesiredFile {
    /// A file as the host's specification asks for it. An absolute path (a container's) is taken from the folder.
    pub fn new(spec: &FileSpec, owner: Owner) -> Result<Self, FilesError> {
        let (contents, mode) = (spec.contents.clone(), spec.mode & 0o7777);
        Ok(Self { path: relative(&spec.path)?, contents, mode, owner })
    }
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedFile {
    /// Its contents, as far as they are worth comparing: none where its length already differs.
    pub contents: Option<Vec<u8>>,
    /// Its permissions.
    pub mode: u32,
    /// Its owner.
    pub owner: Owner,
}

/// One write: contents, mode and owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WriteFile(pub DesiredFile);

/// Compares files with what is there by path. Files that nobody wants are left: the node may have made them.
pub fn plan(desired: &[DesiredFile], observed: &BTreeMap<PathBuf, ObservedFile>) -> Vec<WriteFile> {
    let differs = |file: &&DesiredFile| {
        observed.get(&file.path).is_none_or(|there| {
            there.contents.as_ref() != Some(&file.contents) || there.mode != file.mode || there.owner != file.owner
        })
    };
    desired.iter().filter(differs).cloned().map(WriteFile).collect()
}
