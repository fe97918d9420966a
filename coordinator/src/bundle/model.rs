//! What a bundle is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::naming::Naming;
use crate::scenario::is_safe_path;

/// Largest sum of what travels in one message and is kept with every run, in bytes. Large data belong into an image.
pub const BUNDLE_MAX_BYTES: usize = 32 << 20;

/// Most files that travel in one message.
pub(super) const BUNDLE_MAX_FILES: usize = 2_000;

/// Whoever called throng: its processes and programs run as them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// User name.
    pub name: String,
}

/// A scenario with every file it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The scenario's key in `files`.
    pub entry: String,
    /// What throng itself reads: the scenario, what it includes, its overlays, and the files that nodes are given.
    /// Contents by path below the scenario's folder; an overlay from elsewhere by the path that its caller gave.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What only scripts and programs read, by path below the scenario's folder. Links have been followed.
    pub inputs: BTreeMap<String, InputFile>,
    /// The overlays' keys in `files`, in the order in which they apply.
    pub overlays: Vec<String>,
    /// The `--set`s: `param.workers=5`.
    pub sets: Vec<String>,
    /// The scenario's folder on the caller's machine, absolute.
    pub dir: PathBuf,
    /// Whoever called.
    pub caller: Caller,
}

/// A file that only scripts and programs read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputFile {
    /// Its size in bytes.
    pub bytes: u64,
    /// Whether it may be executed.
    pub executable: bool,
}

impl Bundle {
    /// The scenario and its overlays with their names, and the `--set`s.
    pub(crate) fn texts(&self) -> crate::scenario::Texts<'_> {
        let names = std::iter::once(&self.entry).chain(&self.overlays);
        let content = |name: &String| (name.clone(), self.files.get(name).cloned().unwrap_or_default());
        crate::scenario::Texts { files: names.map(content).collect(), beside: &self.files, sets: self.sets.clone() }
    }

    /// The names that lead out of the folder; overlays may, for nobody writes them anywhere.
    pub(crate) fn unsafe_names(&self) -> impl Iterator<Item = &str> {
        let names = self.files.keys().chain(self.inputs.keys()).map(String::as_str);
        names.filter(|name| !is_safe_path(name) && !self.overlays.iter().any(|overlay| overlay == name))
    }

    /// The inputs that an entry names.
    pub fn named<'a>(&'a self, naming: &'a Naming) -> impl Iterator<Item = (&'a String, &'a InputFile)> {
        self.inputs.iter().filter(|(path, _)| naming.takes(path))
    }
}
