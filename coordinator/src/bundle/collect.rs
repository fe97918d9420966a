//! Collecting a bundle where the caller is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::error::BundleError;
use super::model::{BUNDLE_MAX_BYTES, BUNDLE_MAX_FILES, Bundle, Caller, InputFile};
use super::naming::Naming;
use crate::scenario::{included_files, is_safe_path, named_files};

/// Most inputs of a scenario: a distribution of a large system has some thousand files, a slip (a home folder) more.
pub(super) const INPUT_FILES_MAX: usize = 20_000;

/// Largest sum of all inputs, in bytes. They are streamed, and never held in memory.
pub(super) const INPUT_BYTES_MAX: u64 = 16 << 30;

/// Reads a scenario, its overlays and every file that nodes are given, and lists what scripts and programs read.
///
/// A file that is named but not there, or whose path leads out of the folder, is left out: loading the bundle reports
/// it with its place.
pub fn collect(path: &Path, overlays: &[PathBuf], sets: &[String], caller: Caller) -> Result<Bundle, BundleError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| BundleError::Read { path, source }
    };
    let absolute = std::path::absolute(path).map_err(unreadable(path))?;
    let missing = || io::Error::from(io::ErrorKind::NotFound);
    let dir = absolute.parent().ok_or_else(missing).map_err(unreadable(path))?.to_owned();
    let entry = absolute.file_name().ok_or_else(missing).map_err(unreadable(path))?.to_string_lossy().into_owned();
    let mut collector = Collector { dir: dir.clone(), ..Collector::default() };
    let content = collector.read(path).map_err(|error| error.into_error(path, false))?;
    collector.keep(entry.clone(), path, content.clone())?;
    let mut texts = vec![(entry.clone(), content)];
    let mut names = Vec::new();
    for overlay in overlays {
        let content = collector.read(overlay).map_err(|error| error.into_error(overlay, false))?;
        let name = collector.name_of(overlay);
        collector.keep(name.clone(), overlay, content.clone())?;
        texts.push((name.clone(), content));
        names.push(name);
    }
    collector.add_included(&texts)?;
    let named = named_files(texts, &collector.files, sets.to_vec());
    for name in &named.for_nodes {
        collector.add_read(name)?;
    }
    for entry in &named.inputs {
        collector.add_inputs(entry)?;
    }
    let Collector { files, inputs, .. } = collector;
    Ok(Bundle { entry, files, inputs, overlays: names, sets: sets.to_vec(), dir, caller })
}

#[derive(Debug, Default)]
struct Collector {
    dir: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
    bytes: usize,
    inputs: BTreeMap<String, InputFile>,
    input_bytes: u64,
}

/// A folder that is being walked, and those that led to it: device and inode of each.
struct Folder {
    name: String,
    trail: Vec<(u64, u64)>,
}

/// Why one file could not be taken.
enum Refusal {
    Io(io::Error),
    TooLarge,
}

impl Refusal {
    fn into_error(self, path: &Path, named: bool) -> BundleError {
        let path = path.to_owned();
        match self {
            Self::TooLarge => BundleError::TooLarge { path },
            Self::Io(source) if named => BundleError::ReadNamed { path, source },
            Self::Io(source) => BundleError::Read { path, source },
        }
    }
}

impl Collector {
    /// Reads a file, never more than the bundle may hold: it may be a device or grow.
    fn read(&self, path: &Path) -> Result<Vec<u8>, Refusal> {
        let left = BUNDLE_MAX_BYTES - self.bytes;
        let mut content = Vec::new();
        let limit = u64::try_from(left).unwrap_or(u64::MAX).saturating_add(1);
        let file = fs::File::open(path).map_err(Refusal::Io)?;
        file.take(limit).read_to_end(&mut content).map_err(Refusal::Io)?;
        if content.len() > left { Err(Refusal::TooLarge) } else { Ok(content) }
    }

    fn keep(&mut self, name: String, path: &Path, content: Vec<u8>) -> Result<(), BundleError> {
        if self.files.contains_key(&name) {
            return Ok(());
        }
        if self.files.len() >= BUNDLE_MAX_FILES {
            return Err(BundleError::TooMany);
        }
        self.bytes = self.bytes.saturating_add(content.len());
        if self.bytes > BUNDLE_MAX_BYTES {
            return Err(BundleError::TooLarge { path: path.to_owned() });
        }
        self.files.insert(name, content);
        Ok(())
    }

    /// How an overlay is called: below the scenario's folder by its path there, else as it was given.
    fn name_of(&self, path: &Path) -> String {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let below = absolute.strip_prefix(&self.dir).ok().map(|path| path.to_string_lossy().into_owned());
        below.filter(|name| is_safe_path(name)).unwrap_or_else(|| path.to_string_lossy().into_owned())
    }

    /// Adds what these texts include, and what that includes.
    fn add_included(&mut self, texts: &[(String, Vec<u8>)]) -> Result<(), BundleError> {
        let mut open: Vec<String> = texts.iter().flat_map(|(_, content)| included_files(content)).collect();
        let mut seen = BTreeSet::new();
        while let Some(name) = open.pop() {
            if seen.insert(name.clone()) {
                self.add_read(&name)?;
                open.extend(self.files.get(&name).map(|content| included_files(content)).unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Adds a file that nodes are given or that is included. A path with a placeholder is no path yet; loading says that
    /// it takes none.
    fn add_read(&mut self, name: &str) -> Result<(), BundleError> {
        let path = self.dir.join(name);
        if !is_safe_path(name) || !metadata(&path)?.is_some_and(|kind| kind.is_file()) {
            return Ok(());
        }
        let content = self.read(&path).map_err(|error| error.into_error(&path, true))?;
        self.keep(name.to_owned(), &path, content)
    }

    /// Lists what an entry of `inputs` names. One that is no pattern is reported when the bundle is loaded.
    fn add_inputs(&mut self, entry: &str) -> Result<(), BundleError> {
        let Ok(naming) = Naming::of(entry) else { return Ok(()) };
        if !is_safe_path(entry) {
            return Ok(());
        }
        let base = naming.base().to_owned();
        match metadata(&self.dir.join(&base))? {
            Some(kind) if kind.is_dir() => {
                // A link back to the scenario's own folder leads in a circle, too.
                let own = metadata(&self.dir)?.as_ref().map(identity);
                let trail = own.into_iter().chain([identity(&kind)]).collect();
                self.walk(Folder { name: base, trail }, &naming)
            }
            Some(kind) if kind.is_file() && naming.takes(&base) => self.list(base, &kind),
            Some(_) | None => Ok(()),
        }
    }

    /// Lists the files below a folder that the entry names. Links are followed but in circles.
    fn walk(&mut self, from: Folder, naming: &Naming) -> Result<(), BundleError> {
        let mut open = vec![from];
        while let Some(folder) = open.pop() {
            let at = self.dir.join(&folder.name);
            let failed = |source| BundleError::ReadNamed { path: at.clone(), source };
            for child in fs::read_dir(&at).map_err(failed)? {
                let path = child.map_err(failed)?.path();
                // A link that leads nowhere can be read by nobody.
                let Some(kind) = metadata(&path)? else { continue };
                let name = path.file_name().and_then(|name| name.to_str()).filter(|name| is_safe_path(name));
                let slash = if folder.name.is_empty() { "" } else { "/" };
                let name = name.map(|name| format!("{}{slash}{name}", folder.name));
                if kind.is_dir() {
                    let trail: Vec<_> = folder.trail.iter().copied().chain([identity(&kind)]).collect();
                    if !folder.trail.contains(&identity(&kind)) {
                        open.push(Folder { name: name.ok_or(BundleError::Name { path })?, trail });
                    }
                } else if kind.is_file() {
                    let name = name.ok_or(BundleError::Name { path })?;
                    if naming.takes(&name) {
                        self.list(name, &kind)?;
                    }
                }
            }
            if open.len() > INPUT_FILES_MAX {
                return Err(BundleError::TooManyInputs);
            }
        }
        Ok(())
    }

    fn list(&mut self, name: String, kind: &Metadata) -> Result<(), BundleError> {
        let path = self.dir.join(&name);
        let input = InputFile { bytes: kind.len(), executable: kind.permissions().mode() & 0o111 != 0 };
        if self.inputs.insert(name, input).is_none() {
            self.input_bytes = self.input_bytes.saturating_add(input.bytes);
        }
        if self.inputs.len() > INPUT_FILES_MAX {
            return Err(BundleError::TooManyInputs);
        }
        if self.input_bytes > INPUT_BYTES_MAX {
            return Err(BundleError::InputsTooLarge { path });
        }
        Ok(())
    }
}

/// What lies at a path, links followed; none where nothing does.
fn metadata(path: &Path) -> Result<Option<Metadata>, BundleError> {
    match fs::metadata(path) {
        Ok(kind) => Ok(Some(kind)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(source) => Err(BundleError::ReadNamed { path: path.to_owned(), source }),
    }
}

fn identity(kind: &Metadata) -> (u64, u64) {
    (kind.dev(), kind.ino())
}

fn is_absent(error: &io::Error) -> bool {
    // A link to itself leads nowhere, too.
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(nix::libc::ELOOP)
}
