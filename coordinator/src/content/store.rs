//! Where contents are kept: one file for each, named by its digest.
//!
//! What comes in is judged by its digest before it counts, and again whenever it is taken out: a file that was damaged
//! is removed, and sent again by the next command. What nobody has used for a while is removed once there is too much.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use throng_common::ids::random_suffix;
use tokio::io::AsyncWriteExt as _;

use super::digest::{ContentDigest, PIECE_BYTES};

/// Largest file that is taken in, in bytes.
const CONTENT_MAX_BYTES: u64 = 16 << 30;

/// Bytes kept although nobody uses them: a few versions of a large system.
const KEPT_MAX_BYTES: u64 = 4 << 30;

/// What was asked for within this time is kept in any case: a command that needs it may be under way.
const FRESH: Duration = Duration::from_secs(3600);

/// Contents belong to whoever runs the coordinator.
const FILE_MODE: u32 = 0o600;
/// And so do their folders.
const FOLDER_MODE: u32 = 0o700;

/// Contents by their digest, in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentStore {
    root: PathBuf,
}

/// Why contents cannot be taken in or out.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// They are not here.
    #[error("the contents {digest} are not here: run the command again, which sends them")]
    Missing {
        /// Their digest.
        digest: ContentDigest,
    },
    /// They were damaged where they lay.
    #[error("the contents {digest} were damaged and have been removed: run the command again, which sends them anew")]
    Damaged {
        /// Their digest.
        digest: ContentDigest,
    },
    /// They are not what they were said to be.
    #[error(
        "what was sent as {wanted} has the digest {found}: the file was changed while it was read, run the command again"
    )]
    Changed {
        /// The digest that was named.
        wanted: ContentDigest,
        /// What it is.
        found: ContentDigest,
    },
    /// They are too large.
    #[error("a file of more than {} GiB", CONTENT_MAX_BYTES >> 30)]
    TooLarge,
    /// A file cannot be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// "read", "write".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl ContentStore {
    /// The store in this folder, which need not be there yet.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn path(&self, digest: &ContentDigest) -> PathBuf {
        let name = digest.to_string();
        self.root.join(&name[..2]).join(&name[2..])
    }

    /// Those of these contents that are not here. Those that are count as used now.
    pub fn missing(&self, digests: impl IntoIterator<Item = ContentDigest>) -> Vec<ContentDigest> {
        digests.into_iter().filter(|digest| !self.touch(digest)).collect()
    }

    /// Notes that contents are in use; whether they are here.
    fn touch(&self, digest: &ContentDigest) -> bool {
        let file = fs::File::open(self.path(digest));
        file.is_ok_and(|file| {
            // Where the time cannot be set, they are only removed earlier.
            let _ = file.set_modified(SystemTime::now());
            true
        })
    }

    /// Begins to take contents in.
    pub async fn begin(&self, digest: ContentDigest) -> Result<Partial, ContentError> {
        let place = self.path(&digest);
        let folder = place.parent().unwrap_or(&self.root).to_owned();
        let failed = |path: &Path, source| ContentError::Io { action: "write", path: path.to_owned(), source };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(&folder)
            .map_err(|source| failed(&folder, source))?;
        let half = folder.join(format!(".half-{}", random_suffix(10)));
        let mut options = tokio::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(FILE_MODE).open(&half).await;
        let file = file.map_err(|source| failed(&half, source))?;
        Ok(Partial { digest, half: Half(half), place, file, sum: Sha256::new(), bytes: 0 })
    }

    /// Copies contents out to a new file, piece by piece, and makes sure on the way that they are what they should be.
    /// Blocks.
    pub fn copy_to(&self, digest: &ContentDigest, to: &Path, mode: u32) -> Result<(), ContentError> {
        let from = self.path(digest);
        let reading = |source| ContentError::Io { action: "read", path: from.clone(), source };
        let writing = |source| ContentError::Io { action: "write", path: to.to_owned(), source };
        let mut source = match fs::File::open(&from) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ContentError::Missing { digest: *digest });
            }
            Err(error) => return Err(reading(error)),
        };
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(writing)?;
        }
        let mut options = fs::OpenOptions::new();
        let mut target = options.write(true).create(true).truncate(true).mode(mode).open(to).map_err(writing)?;
        let mut sum = Sha256::new();
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let read = source.read(&mut piece).map_err(reading)?;
            if read == 0 {
                break;
            }
            sum.update(&piece[..read]);
            target.write_all(&piece[..read]).map_err(writing)?;
        }
        target.set_permissions(fs::Permissions::from_mode(mode)).map_err(writing)?;
        if ContentDigest::sum(sum) == *digest {
            return Ok(());
        }
        fs::remove_file(&from).map_err(reading)?;
        Err(ContentError::Damaged { digest: *digest })
    }

    /// Removes what has not been used for longest while there is too much. Blocks.
    pub fn prune(&self) -> Result<(), ContentError> {
        self.prune_to(KEPT_MAX_BYTES, SystemTime::now())
    }

    fn prune_to(&self, kept_max_bytes: u64, now: SystemTime) -> Result<(), ContentError> {
        let mut kept = Vec::new();
        for folder in entries(&self.root)? {
            for path in entries(&folder)? {
                // One that is gone meanwhile needs no removal.
                let Ok(metadata) = path.metadata() else { continue };
                let used = metadata.modified().unwrap_or(now);
                kept.push(Kept { path, bytes: metadata.len(), used });
            }
        }
        for path in surplus(kept, kept_max_bytes, now) {
            fs::remove_file(&path).map_err(|source| ContentError::Io { action: "remove", path, source })?;
        }
        Ok(())
    }
}

/// What is kept, as far as its removal is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

/// What is to be removed: what has not been used for longest, until the rest is small enough. Pure.
fn surplus(mut kept: Vec<Kept>, kept_max_bytes: u64, now: SystemTime) -> Vec<PathBuf> {
    let mut sum: u64 = kept.iter().map(|one| one.bytes).sum();
    kept.sort_by_key(|one| one.used);
    let mut removed = Vec::new();
    for one in kept {
        let fresh = now.duration_since(one.used).is_ok_and(|age| age < FRESH) || one.used > now;
        if sum <= kept_max_bytes || fresh {
            break;
        }
        sum -= one.bytes;
        removed.push(one.path);
    }
    removed
}

/// What lies in a folder; nothing where there is none.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, ContentError> {
    let failed = |source| ContentError::Io { action: "read", path: folder.to_owned(), source };
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(failed)?,
    };
    listed.map(|entry| entry.map(|entry| entry.path()).map_err(failed)).collect()
}

/// Contents that are coming in.
#[derive(Debug)]
pub struct Partial {
    digest: ContentDigest,
    half: Half,
    place: PathBuf,
    file: tokio::fs::File,
    sum: Sha256,
    bytes: u64,
}

/// A file that is not whole yet: it goes with whoever writes it.
#[derive(Debug)]
struct Half(PathBuf);

impl Drop for Half {
    fn drop(&mut self) {
        // Gone already where it became whole.
        let _ = fs::remove_file(&self.0);
    }
}

impl Partial {
    /// The next piece.
    pub async fn write(&mut self, piece: &[u8]) -> Result<(), ContentError> {
        self.bytes = self.bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if self.bytes > CONTENT_MAX_BYTES {
            return Err(ContentError::TooLarge);
        }
        self.sum.update(piece);
        let path = &self.half.0;
        let failed = |source| ContentError::Io { action: "write", path: path.clone(), source };
        self.file.write_all(piece).await.map_err(failed)
    }

    /// It was the last: what came is kept if it is what it was said to be.
    pub async fn finish(mut self) -> Result<(), ContentError> {
        let found = ContentDigest::sum(self.sum);
        if found != self.digest {
            return Err(ContentError::Changed { wanted: self.digest, found });
        }
        let place = &self.place;
        let failed = |source| ContentError::Io { action: "write", path: place.clone(), source };
        self.file.flush().await.map_err(failed)?;
        fs::rename(&self.half.0, &self.place).map_err(failed)
    }
}

#[cfg(test)]
mod tests;
