//! Reading and writing the files of a plan.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::beneath::{Beneath, Owner, own};
use super::error::FilesError;
use super::plan::{DesiredFile, ObservedFile, WriteFile};
use crate::resources::outcome::Outcome;

/// Permissions of folders made on the way to a file.
const FOLDER_MODE: u32 = 0o755;

/// The files among the desired that are there, below `folder`. What is no plain file counts as missing: writing it
/// will say why it cannot be.
pub fn observe(folder: &Path, desired: &[DesiredFile]) -> Result<BTreeMap<PathBuf, ObservedFile>, FilesError> {
    let failed = |source| FilesError::Read { path: folder.to_path_buf(), source };
    let beneath = match Beneath::open(folder) {
        Ok(beneath) => beneath,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(failed(error)),
    };
    let read = |file: &DesiredFile| Some((file.path.clone(), read(beneath.read(&file.path).ok()?, file).ok()??));
    Ok(desired.iter().filter_map(read).collect())
}

fn read(file: File, desired: &DesiredFile) -> io::Result<Option<ObservedFile>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let contents = if metadata.len() == desired.contents.len() as u64 {
        let mut contents = Vec::with_capacity(desired.contents.len());
        file.take(metadata.len()).read_to_end(&mut contents)?;
        Some(contents)
    } else {
        None
    };
    let owner = Owner { uid: metadata.uid(), gid: metadata.gid() };
    Ok(Some(ObservedFile { contents, mode: metadata.mode() & 0o7777, owner }))
}

/// Writes the files below `folder`, which must exist. Every one is tried.
pub fn apply(folder: &Path, plan: Vec<WriteFile>) -> Vec<Outcome<WriteFile, FilesError>> {
    let take = |step: &WriteFile| {
        let file = &step.0;
        let failed = |source| FilesError::Write { path: folder.join(&file.path), source };
        write(folder, file).map_err(failed)
    };
    plan.into_iter().map(|step| Outcome::of(step, take)).collect()
}

fn write(folder: &Path, desired: &DesiredFile) -> io::Result<()> {
    let beneath = Beneath::open(folder)?;
    if let Some(parent) = desired.path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        beneath.make_folder(parent, FOLDER_MODE, desired.owner)?;
    }
    let mut file = beneath.write(&desired.path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something that is not a file is in its place"));
    }
    file.write_all(&desired.contents)?;
    own(&file, desired.mode, desired.owner)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::resources::files::plan::plan;
    use crate::resources::outcome::failures;

    fn me() -> Owner {
        Owner { uid: nix::unistd::getuid().as_raw(), gid: nix::unistd::getgid().as_raw() }
    }

    fn file(path: &str, contents: &[u8], mode: u32) -> DesiredFile {
        DesiredFile { path: path.into(), contents: contents.to_vec(), mode, owner: me() }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn after_a_plan_nothing_is_left_to_do_and_strange_files_stay(
            files in prop::collection::btree_map("[a-c]/[a-c]|[d-f]", (prop::collection::vec(any::<u8>(), 0..20), 0u32..0o100), 0..5),
            old in prop::collection::btree_map("[d-h]", prop::collection::vec(any::<u8>(), 0..20), 0..4),
        ) {
            let folder = tempfile::tempdir().unwrap();
            for (path, contents) in &old {
                fs::write(folder.path().join(path), contents).unwrap();
            }
            let desired: Vec<_> = files.iter().map(|(path, (contents, mode))| file(path, contents, mode << 3 | 0o400)).collect();
            let first = plan(&desired, &observe(folder.path(), &desired).unwrap());
            let outcomes = apply(folder.path(), first);
            prop_assert_eq!(failures(&outcomes).count(), 0, "{:?}", outcomes);
            prop_assert_eq!(plan(&desired, &observe(folder.path(), &desired).unwrap()), vec![]);
            for (path, contents) in old.iter().filter(|(path, _)| !files.contains_key(*path)) {
                prop_assert_eq!(&fs::read(folder.path().join(path)).unwrap(), contents);
            }
        }
    }

    #[test]
    fn one_file_that_cannot_be_written_stops_no_other() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        let desired = [file("a", b"x", 0o600), file("b", b"y", 0o640)];
        let outcomes = apply(folder.path(), plan(&desired, &observe(folder.path(), &desired).unwrap()));
        assert_eq!(outcomes.iter().map(|outcome| outcome.result.is_ok()).collect::<Vec<_>>(), [false, true]);
    }
}
