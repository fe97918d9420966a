//! One group: who may enter it, its limits, its removal.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use throng_failpoints::{Fault, planted};

use super::error::CgroupError;
use super::figures::FigurePaths;
use super::hierarchy::{Controller, Version};
use super::plan::{Knob, LimitWrite, Observed};

/// How often a group is removed that the kernel still calls busy: its dead members take a moment to leave it.
const REMOVE_ROUNDS: u32 = 25;
const REMOVE_PAUSE: Duration = Duration::from_millis(20);

/// A control group, in all hierarchies of its host. It need not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    version: Version,
    by_controller: BTreeMap<Controller, PathBuf>,
}

impl Group {
    pub(super) fn new(version: Version, by_controller: BTreeMap<Controller, PathBuf>) -> Self {
        Self { version, by_controller }
    }

    /// Its folders, each once.
    pub fn folders(&self) -> BTreeSet<PathBuf> {
        self.by_controller.values().cloned().collect()
    }

    /// Whether it exists in any hierarchy.
    pub fn exists(&self) -> bool {
        self.by_controller.values().any(|folder| folder.is_dir())
    }

    /// The files that hold its figures.
    pub fn figure_paths(&self) -> FigurePaths {
        FigurePaths::new(self.version, &self.by_controller)
    }

    /// The files that a process must write its own id (or `0`) to in order to enter the group.
    ///
    /// A child does so between fork and exec, so that it never runs outside of its limits.
    pub fn procs_files(&self) -> Vec<PathBuf> {
        self.folders().into_iter().map(|folder| folder.join("cgroup.procs")).collect()
    }

    /// Moves a process into the group. All hierarchies are tried; the first error is returned.
    pub fn add(&self, pid: u32) -> Result<(), CgroupError> {
        let write = |path: PathBuf| {
            let value = pid.to_string();
            fs::write(&path, &value).map_err(|source| CgroupError::Write { path, value, source })
        };
        let results: Vec<_> = self.procs_files().into_iter().map(write).collect();
        results.into_iter().collect()
    }

    /// Whether somebody made groups below it: what ran in it divides what it was given (containerd, k3s, systemd).
    pub fn is_divided(&self) -> bool {
        self.folders().iter().any(|folder| !children(folder).is_empty())
    }

    /// Removes the group and the groups below it. One that does not exist is removed already; one with members is an
    /// error. Every hierarchy is tried; the first error is returned.
    pub fn remove(&self) -> Result<(), CgroupError> {
        if planted(Fault::SkipGroupRemoval) {
            return Ok(());
        }
        let mut first_error = Ok(());
        for folder in self.folders() {
            let result = remove_tree(folder);
            first_error = first_error.and(result);
        }
        first_error
    }

    /// The limits as they stand: those whose files exist.
    pub fn observe(&self) -> Observed {
        let read = |knob: Knob| {
            let path = self.by_controller.get(&knob.controller())?.join(knob.file(self.version));
            Some((knob, knob.parse(&fs::read_to_string(path).ok()?)))
        };
        Knob::ALL.into_iter().filter_map(read).collect()
    }

    pub(super) fn write(&self, write: &LimitWrite) -> Result<(), CgroupError> {
        let Some(folder) = self.by_controller.get(&write.knob.controller()) else { return Ok(()) };
        let path = folder.join(write.knob.file(self.version));
        let value = write.knob.text(self.version, write.value);
        fs::write(&path, &value).map_err(|source| CgroupError::Write { path, value, source })
    }
}

fn children(folder: &PathBuf) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    entries.flatten().filter(is_folder).map(|entry| entry.path()).collect()
}

fn remove_tree(folder: PathBuf) -> Result<(), CgroupError> {
    for child in children(&folder) {
        remove_tree(child)?;
    }
    for _ in 1..REMOVE_ROUNDS {
        match fs::remove_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => thread::sleep(REMOVE_PAUSE),
            other => return removed(folder, other),
        }
    }
    let last = fs::remove_dir(&folder);
    removed(folder, last)
}

fn removed(path: PathBuf, result: io::Result<()>) -> Result<(), CgroupError> {
    match result {
        Err(error) if !is_gone(&error) => Err(CgroupError::Remove { path, source: error }),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A group that was removed while it was looked at answers with one of these.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(Errno::ENODEV as i32)
}
