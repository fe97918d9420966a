//! Where built images lie: an archive for each, named by the digest of its recipe, and beside it what it is.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use throng_common::ids::random_suffix;
use throng_common::status::UnixMillis;

use super::error::ImageError;
use super::recipe::{ImageDigest, Recipe, TAG_DIGITS};

/// Archives kept although no cluster uses them: the last builds of a few scenarios, which are then not built again.
const UNUSED_MAX: usize = 8;

/// How the folders begin in which scripts run.
const WORKSHOP: &str = "build-";

/// Built images, in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageShelf {
    root: PathBuf,
}

/// What lies beside an archive, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct About {
    /// The name under which engines know it.
    image: String,
    /// The script that built it.
    script: String,
    /// Its arguments.
    args: Vec<String>,
    /// What it could read.
    inputs: Vec<String>,
    /// When it was built.
    built_at: UnixMillis,
}

/// A folder in which a script runs. It goes with whoever holds it.
#[derive(Debug)]
pub(super) struct Workshop(PathBuf);

impl Workshop {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // What is left is removed when the coordinator starts anew.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl ImageShelf {
    /// The shelf in this folder, which need not be there yet.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn path(&self, digest: &ImageDigest, extension: &str) -> PathBuf {
        self.root.join(format!("{digest}.{extension}"))
    }

    /// The archive of an image that was built, if it was. It counts as used now.
    pub(super) fn find(&self, digest: &ImageDigest) -> Option<PathBuf> {
        Self::touched(self.path(digest, "tar"))
    }

    /// The archive of the image with this tag.
    pub fn find_tag(&self, tag: &str) -> Option<PathBuf> {
        let mut archives = self.archives().into_iter();
        Self::touched(archives.find(|path| has_tag(path, tag))?)
    }

    fn touched(archive: PathBuf) -> Option<PathBuf> {
        let file = fs::File::open(&archive).ok()?;
        // Where the time cannot be set, it is only removed earlier.
        let _ = file.set_modified(SystemTime::now());
        Some(archive)
    }

    /// A new folder for a script to run in.
    pub(super) fn workshop(&self) -> Result<Workshop, ImageError> {
        let path = self.root.join(format!("{WORKSHOP}{}", random_suffix(10)));
        fs::create_dir_all(&path).map_err(failed("write", &path))?;
        Ok(Workshop(path))
    }

    /// Takes in what a script has written.
    pub(super) fn keep(
        &self,
        recipe: &Recipe,
        image: &str,
        written: &Path,
        now: UnixMillis,
    ) -> Result<PathBuf, ImageError> {
        let digest = recipe.digest();
        let about = About {
            image: image.to_owned(),
            script: recipe.script.clone(),
            args: recipe.args.clone(),
            inputs: recipe.files.keys().filter(|path| **path != recipe.script).cloned().collect(),
            built_at: now,
        };
        let text = serde_json::to_vec_pretty(&about).expect("plain structs with text keys serialise");
        let (beside, archive) = (self.path(&digest, "json"), self.path(&digest, "tar"));
        fs::write(&beside, text).map_err(failed("write", &beside))?;
        fs::rename(written, &archive).map_err(failed("write", &archive))?;
        Ok(archive)
    }

    /// Removes what a coordinator left that died while a script ran.
    pub fn sweep(&self) {
        for path in self.entries() {
            if path.file_name().unwrap_or_default().to_string_lossy().starts_with(WORKSHOP) {
                // What cannot be removed is tried again at the next start.
                let _ = fs::remove_dir_all(&path);
            }
        }
    }

    /// Removes archives that no cluster uses, but for the last few. `used` are the tags of those in use.
    pub fn prune(&self, used: &BTreeSet<String>) -> Result<(), ImageError> {
        let mut unused: Vec<(SystemTime, PathBuf)> = Vec::new();
        for archive in self.archives() {
            if !used.iter().any(|tag| has_tag(&archive, tag)) {
                let time = archive.metadata().and_then(|metadata| metadata.modified());
                unused.push((time.unwrap_or(SystemTime::UNIX_EPOCH), archive));
            }
        }
        unused.sort();
        let surplus = unused.len().saturating_sub(UNUSED_MAX);
        for (_, archive) in unused.into_iter().take(surplus) {
            // One without its description is removed all the same.
            let _ = fs::remove_file(archive.with_extension("json"));
            fs::remove_file(&archive).map_err(failed("remove", &archive))?;
        }
        Ok(())
    }

    fn archives(&self) -> Vec<PathBuf> {
        self.entries().filter(|path| path.extension().is_some_and(|extension| extension == "tar")).collect()
    }

    fn entries(&self) -> impl Iterator<Item = PathBuf> + use<> {
        fs::read_dir(&self.root).into_iter().flatten().flatten().map(|entry| entry.path())
    }
}

/// Whether an archive, which is named by its digest, is that of the image with this tag. Those of registries have tags of
/// any length.
fn has_tag(archive: &Path, tag: &str) -> bool {
    let digest = archive.file_stem().unwrap_or_default().to_string_lossy();
    digest.get(..TAG_DIGITS) == Some(tag)
}

/// The error of a file of ours.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ImageError + use<> {
    let path = path.to_owned();
    move |source| ImageError::File { action, path, source }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn tag(index: usize) -> String {
        format!("{index:012x}")
    }

    fn put(root: &Path, index: usize, age: Duration) {
        for extension in ["tar", "json"] {
            let path = root.join(format!("{}{}.{extension}", tag(index), "0".repeat(52)));
            fs::write(&path, "x").unwrap();
            fs::File::open(&path).unwrap().set_modified(SystemTime::now() - age).unwrap();
        }
    }

    #[test]
    fn archives_in_use_and_the_last_few_others_are_kept() {
        let root = tempfile::tempdir().unwrap();
        let shelf = ImageShelf::new(root.path().to_owned());
        for index in 0..UNUSED_MAX + 4 {
            put(root.path(), index, Duration::from_secs(1_000 - index as u64));
        }
        // The two oldest: one is in use, the other has just been asked for.
        assert!(shelf.find_tag(&tag(1)).is_some());
        // A registry's tag is no digest, whatever it is like.
        shelf.prune(&BTreeSet::from([tag(0), "0".to_owned(), "0000".to_owned()])).unwrap();
        let kept = |index| root.path().join(format!("{}{}.json", tag(index), "0".repeat(52))).exists();
        let removed: Vec<usize> = (0..UNUSED_MAX + 4).filter(|index| !kept(*index)).collect();
        assert_eq!(removed, [2, 3, 4]);
        assert_eq!(shelf.find_tag(&tag(2)), None);
    }

    #[test]
    fn what_a_dead_coordinator_left_is_swept_away() {
        let root = tempfile::tempdir().unwrap();
        let shelf = ImageShelf::new(root.path().join("images"));
        let workshop = shelf.workshop().unwrap();
        fs::write(workshop.path().join("half"), "x").unwrap();
        std::mem::forget(workshop);
        put(&root.path().join("images"), 1, Duration::ZERO);
        shelf.sweep();
        assert_eq!(shelf.entries().count(), 2, "an archive and its description");
        ImageShelf::new(root.path().join("none")).sweep();
    }

    #[test]
    fn a_workshop_goes_with_whoever_holds_it() {
        let root = tempfile::tempdir().unwrap();
        let workshop = ImageShelf::new(root.path().to_owned()).workshop().unwrap();
        let path = workshop.path().to_owned();
        assert!(path.is_dir());
        drop(workshop);
        assert!(!path.exists());
    }
}
