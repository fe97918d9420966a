//! CPU time of everything that an engine starts: a control group of its own, whose figure holds that of all below it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The first version's hierarchy that counts CPU time, and the second version's root.
const ROOTS: [(&str, &str); 2] = [("/sys/fs/cgroup/cpuacct", "cpuacct.usage"), ("/sys/fs/cgroup", "cpu.stat")];

/// A control group. What is in it may start control groups below it, which count too.
#[derive(Debug)]
pub(super) struct Account {
    name: String,
    folder: PathBuf,
    figure: PathBuf,
}

impl Account {
    /// Makes one, with a group for whoever is accounted for itself.
    pub(super) fn open(name: &str) -> Self {
        let known = ROOTS.iter().find(|(root, file)| Path::new(root).join(file).exists());
        let (root, file) = known.expect("a control group hierarchy counts CPU time");
        let folder = Path::new(root).join(name);
        fs::create_dir_all(folder.join("own")).expect("control groups can be made: this is root");
        Self { name: name.to_owned(), figure: folder.join(file), folder }
    }

    /// The file through which a process joins it.
    pub(super) fn procs(&self) -> PathBuf {
        self.folder.join("own/cgroup.procs")
    }

    /// The group, as an engine's option, below which its containers' groups are made.
    pub(super) fn containers(&self) -> String {
        format!("/{}/containers", self.name)
    }

    /// CPU time of all that was ever in it.
    pub(super) fn cpu(&self) -> Duration {
        let text = fs::read_to_string(&self.figure).unwrap_or_default();
        let of_second = text.lines().find_map(|line| line.strip_prefix("usage_usec ")?.parse().ok());
        let of_first = || text.trim().parse().ok().map(Duration::from_nanos);
        of_second.map(Duration::from_micros).or_else(of_first).unwrap_or_default()
    }

    /// Removes it from every hierarchy. Its processes must have ended.
    pub(super) fn close(&self) {
        for root in hierarchies() {
            remove(&root.join(&self.name));
        }
    }
}

/// Processes in groups whose names begin so, and in those below them.
pub(super) fn members(prefix: &str) -> Vec<i32> {
    let mut groups = named(prefix);
    let mut at = 0;
    while at < groups.len() {
        groups.extend(folders(&groups[at]));
        at += 1;
    }
    let read = |group: &PathBuf| fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    groups.iter().flat_map(|group| read(group).lines().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

/// Removes all groups whose names begin so. Their processes must have ended.
pub(super) fn remove_named(prefix: &str) {
    for group in named(prefix) {
        remove(&group);
    }
}

fn named(prefix: &str) -> Vec<PathBuf> {
    let is_named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    hierarchies().iter().flat_map(|root| folders(root)).filter(is_named).collect()
}

/// The roots of all hierarchies, of either version.
fn hierarchies() -> Vec<PathBuf> {
    let root = PathBuf::from("/sys/fs/cgroup");
    folders(&root).into_iter().chain([root]).collect()
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_dir() && !path.is_symlink()).collect()
}

/// Removes a group with all below it; one that is not there is none of our business.
fn remove(group: &Path) {
    for below in folders(group) {
        remove(&below);
    }
    let _ = fs::remove_dir(group);
}
