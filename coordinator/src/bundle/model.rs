//! A scenario with every file it names, as the CLI ships it.
//!
//! Collected where the caller is; from there on nobody reads the caller's folder. Pure but for [`collect`] and
//! [`Bundle::write_to`].

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::scenario::{is_safe_path, named_files};

/// Largest bundle, in bytes: it travels in one message and is kept with every run. Large data belong into an image.
pub const BUNDLE_MAX_BYTES: usize = 32 << 20;

/// Most files in a bundle.
pub const BUNDLE_MAX_FILES: usize = 2_000;

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
    /// Contents by path below the scenario's folder; an overlay from elsewhere by the path that its caller gave.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The overlays' keys in `files`, in the order in which they apply.
    pub overlays: Vec<String>,
    /// The `--set`s: `param.workers=5`.
    pub sets: Vec<String>,
    /// The scenario's folder on the caller's machine, absolute.
    pub dir: PathBuf,
    /// Whoever called.
    pub caller: Caller,
}

/// Why a bundle could not be collected or written.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The scenario or an overlay cannot be read.
    #[error("cannot read {path}; give the path of a scenario file, or write one with `throng init`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file that the scenario names is there but cannot be read.
    #[error("cannot read {path}, which the scenario names")]
    ReadNamed {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The files together are too large.
    #[error(
        "the scenario's files come to more than {} MiB with {path}; put large data into an image or onto the host",
        BUNDLE_MAX_BYTES >> 20
    )]
    TooLarge {
        /// The file that was too much.
        path: PathBuf,
    },
    /// There are too many files.
    #[error("the scenario names more than {BUNDLE_MAX_FILES} files; pack them into an image or an archive")]
    TooMany,
    /// The files cannot be written.
    #[error("cannot write the scenario's file {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Bundle {
    /// The scenario and its overlays with their names, and the `--set`s.
    pub(crate) fn texts(&self) -> crate::scenario::Texts {
        let names = std::iter::once(&self.entry).chain(&self.overlays);
        let content = |name: &String| (name.clone(), self.files.get(name).cloned().unwrap_or_default());
        crate::scenario::Texts { files: names.map(content).collect(), sets: self.sets.clone() }
    }

    /// The names that lead out of the folder; overlays may, for nobody writes them anywhere.
    pub(crate) fn unsafe_names(&self) -> impl Iterator<Item = &str> {
        let names = self.files.keys().map(String::as_str);
        names.filter(|name| !is_safe_path(name) && !self.overlays.iter().any(|overlay| overlay == name))
    }

    /// Whether it holds this file, or a file below this folder.
    pub fn contains(&self, path: &str) -> bool {
        let below = format!("{path}/");
        self.files.contains_key(path)
            || self.files.range(below.clone()..).next().is_some_and(|(name, _)| name.starts_with(&below))
    }

    /// SHA-256 over all names and contents, in hexadecimal: equal bundles have equal digests.
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        let mut add = |part: &[u8]| {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            digest.update(part);
        };
        add(self.entry.as_bytes());
        for (name, content) in &self.files {
            add(name.as_bytes());
            add(content);
        }
        for text in self.overlays.iter().chain(std::iter::once(&String::new())).chain(&self.sets) {
            add(text.as_bytes());
        }
        hex::encode(digest.finalize())
    }

    /// Writes the files below `folder`, all of them executable: scripts and programs are run from there.
    ///
    /// Names that lead out of the folder are left out.
    pub fn write_to(&self, folder: &Path) -> Result<(), BundleError> {
        use std::os::unix::fs::OpenOptionsExt as _;
        for (name, content) in self.files.iter().filter(|(name, _)| is_safe_path(name)) {
            let path = folder.join(name);
            let failed = |source| BundleError::Write { path: path.clone(), source };
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(failed)?;
            }
            let mut options = std::fs::OpenOptions::new();
            let mut file = options.write(true).create(true).truncate(true).mode(0o755).open(&path).map_err(failed)?;
            file.write_all(content).map_err(failed)?;
        }
        Ok(())
    }
}

/// Reads back what [`Bundle::write_to`] wrote: contents by path below the folder.
pub fn read_folder(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, BundleError> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        let failed = |source| BundleError::ReadNamed { path: at.clone(), source };
        for entry in std::fs::read_dir(&at).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(name) = path.strip_prefix(folder) {
                let content = std::fs::read(&path).map_err(failed)?;
                files.insert(name.to_string_lossy().into_owned(), content);
            }
        }
    }
    Ok(files)
}

/// Reads a scenario, its overlays and every file that it names.
///
/// A file that is named but not there, or whose path leads out of the folder, is left out: loading the bundle reports
/// it with its place.
pub fn collect(path: &Path, overlays: &[PathBuf], sets: &[String], caller: Caller) -> Result<Bundle, BundleError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| BundleError::Read { path, source }
    };
    let absolute = std::path::absolute(path).map_err(unreadable(path))?;
    let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
    let dir = absolute.parent().ok_or_else(missing).map_err(unreadable(path))?.to_owned();
    let entry = absolute.file_name().ok_or_else(missing).map_err(unreadable(path))?.to_string_lossy().into_owned();
    let mut collector = Collector { dir: dir.clone(), files: BTreeMap::new(), bytes: 0 };
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
    for name in named_files(texts, sets.to_vec()) {
        collector.add_named(&name)?;
    }
    Ok(Bundle { entry, files: collector.files, overlays: names, sets: sets.to_vec(), dir, caller })
}

struct Collector {
    dir: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
    bytes: usize,
}

/// Why one file could not be taken.
enum Refusal {
    Io(std::io::Error),
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
        let file = std::fs::File::open(path).map_err(Refusal::Io)?;
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

    /// Adds a file, or all files of a folder, that the scenario names.
    fn add_named(&mut self, name: &str) -> Result<(), BundleError> {
        // A path with a placeholder is no path yet; loading says that it takes none.
        if !is_safe_path(name) {
            return Ok(());
        }
        let mut open = vec![name.to_owned()];
        while let Some(name) = open.pop() {
            let path = self.dir.join(&name);
            let failed = |source| BundleError::ReadNamed { path: path.clone(), source };
            let kind = match std::fs::metadata(&path) {
                Ok(kind) => kind,
                Err(error) if is_absent(&error) => continue,
                Err(error) => return Err(failed(error)),
            };
            if kind.is_dir() {
                for child in std::fs::read_dir(&path).map_err(failed)? {
                    let child = child.map_err(failed)?;
                    // A link to a folder could lead in circles.
                    let followed = child.file_type().map_err(failed)?.is_symlink() && child.path().is_dir();
                    if !followed {
                        open.push(format!("{name}/{}", child.file_name().to_string_lossy()));
                    }
                }
                if open.len() > BUNDLE_MAX_FILES {
                    return Err(BundleError::TooMany);
                }
            } else if kind.is_file() {
                let content = self.read(&path).map_err(|error| error.into_error(&path, true))?;
                self.keep(name, &path, content)?;
            }
        }
        Ok(())
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}
