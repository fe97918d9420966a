//! The folders of a cluster and of its nodes.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use throng_common::host_spec::{DiskSpec, SharedSpec};
use throng_common::ids::{ClusterId, NodeName};
use throng_failpoints::{Fault, Point, hit, planted};

use super::beneath::{Beneath, Owner};
use super::error::FilesError;
use super::removal::remove;
use crate::paths::Paths;

/// Folders that lead to a node's own: anybody may pass, only root lists and writes.
const PASS_MODE: u32 = 0o711;
/// The same of a container, which comes by its own folders through what is mounted into it: nobody of the host passes.
const CLOSED_MODE: u32 = 0o700;
/// The same of a folder that processes of one group share.
const GROUP_PASS_MODE: u32 = 0o710;
/// A node's own folders: its user's alone.
const OWN_MODE: u32 = 0o750;
/// A folder on disk that everyone who comes by it may write to, as to a ramdisk: that is its container.
const SHARED_MODE: u32 = 0o1777;
/// Rendered files for containers, whose users are any.
const FILES_MODE: u32 = 0o755;
/// The shim's: root's alone.
const SHIM_MODE: u32 = 0o700;

/// What there was of a node's folder before it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Nothing: so nothing is in it, and nothing is mounted below it.
    Absent,
    /// A folder.
    Present,
}

/// Who uses a node's folders, and how it comes by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// A process of the host, by their paths.
    Process(Owner),
    /// A container, by what is mounted into it; none: one whose user only its image knows.
    Container(Option<Owner>),
}

impl User {
    /// Of a container, by its user as the scenario has it.
    pub fn of_container(user: Option<&str>) -> Self {
        let owner = user.and_then(|user| {
            let (uid, gid) = user.split_once(':').unwrap_or((user, "0"));
            Some(Owner { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
        });
        Self::Container(owner)
    }

    /// The mode of what leads to its folders.
    fn way(self) -> u32 {
        match self {
            Self::Process(_) => PASS_MODE,
            Self::Container(_) => CLOSED_MODE,
        }
    }
}

/// Makes a node's folders, with their modes and owners, and says whether there were any. Safe to repeat; contents stay,
/// but for what an earlier boot of the machine left on disk.
pub fn ensure(paths: &Paths, cluster: &ClusterId, node: &NodeName, user: User) -> Result<Before, FilesError> {
    let owner = match user {
        User::Process(owner) => owner,
        User::Container(_) => Owner::ROOT,
    };
    let (node_dir, on_disk) = (paths.node_dir(cluster, node), paths.node_disk_dir(cluster, node));
    let (work, files) = (paths.work_dir(cluster, node), paths.files_dir(cluster, node));
    for folder in [paths.run_dir(), &paths.cluster_dir(cluster)] {
        make(folder, PASS_MODE)?;
    }
    if !node_dir.exists() {
        remove(&work)?;
        remove(&files)?;
    }
    let before = match DirBuilder::new().mode(user.way()).create(&node_dir) {
        Ok(()) => Before::Absent,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && node_dir.is_dir() => Before::Present,
        Err(source) => return Err(FilesError::Create { path: node_dir, source }),
    };
    make_node_disk(paths, cluster, node, user)?;
    let (shim, ramdisks) = (paths.shim_dir(cluster, node), paths.ramdisk_root(cluster, node));
    // Before anything of a process runs: by it one is told from a container whatever else is lost.
    if let User::Process(_) = user {
        own_folders(&node_dir, [(&shim, SHIM_MODE, Owner::ROOT)])?;
    }
    own_folders(&node_dir, [(&ramdisks, PASS_MODE, Owner::ROOT)])?;
    own_folders(&on_disk, [(&work, OWN_MODE, owner), (&files, FILES_MODE, Owner::ROOT)])?;
    Ok(before)
}

/// Makes folders below another one, whatever somebody may put in their place meanwhile.
fn own_folders<const N: usize>(parent: &Path, folders: [(&Path, u32, Owner); N]) -> Result<(), FilesError> {
    let failed = |path: &Path, source| FilesError::Create { path: path.to_path_buf(), source };
    let beneath = Beneath::open(parent).map_err(|source| failed(parent, source))?;
    for (path, mode, owner) in folders {
        let relative = path.strip_prefix(parent).unwrap_or(path);
        let made = beneath.make_folder(relative, mode, owner).and_then(|()| beneath.own_folder(relative, mode, owner));
        made.map_err(|source| failed(path, source))?;
    }
    Ok(())
}

/// Makes what holds a node's folders on disk.
fn make_node_disk(paths: &Paths, cluster: &ClusterId, node: &NodeName, user: User) -> Result<(), FilesError> {
    for folder in [paths.state_dir(), &paths.disk_root(), &paths.cluster_disk_dir(cluster)] {
        make(folder, PASS_MODE)?;
    }
    make(&paths.node_disk_dir(cluster, node), user.way())
}

/// Makes a node's folder on disk and gives its path. `restart`: one that is not kept over a restart is emptied.
pub fn ensure_disk(
    paths: &Paths,
    cluster: &ClusterId,
    node: &NodeName,
    disk: &DiskSpec,
    user: User,
    restart: bool,
) -> Result<PathBuf, FilesError> {
    let path = paths.disk_dir(cluster, node);
    if restart && !disk.keep_on_restart {
        remove(&path)?;
    }
    make_node_disk(paths, cluster, node, user)?;
    let (owner, mode) = match user {
        User::Process(owner) | User::Container(Some(owner)) => (owner, OWN_MODE),
        User::Container(None) => (Owner::ROOT, SHARED_MODE),
    };
    make(&path, mode)?;
    let owned = Beneath::open(&path).and_then(|beneath| beneath.own_folder(Path::new("."), mode, owner));
    owned.map_err(|source| FilesError::Create { path: path.clone(), source })?;
    Ok(path)
}

/// Makes a folder on disk that nodes of a cluster share, with its mode and owner. Safe to repeat; contents stay.
///
/// Nobody of the host passes to it but the group of a process that shares it: what a container's root has put there, a
/// program that runs as its owner among others, is not for everyone to start.
pub fn ensure_shared(paths: &Paths, cluster: &ClusterId, shared: &SharedSpec, user: User) -> Result<(), FilesError> {
    let path = paths.shared_dir(cluster, &shared.name);
    let failed = |source| FilesError::Create { path: path.clone(), source };
    // A name that leads elsewhere was refused when the scenario was checked.
    if shared.name.is_empty() || shared.name.contains(['/', '.']) {
        return Err(failed(io::Error::from(io::ErrorKind::InvalidInput)));
    }
    for folder in [paths.state_dir(), &paths.disk_root(), &paths.cluster_disk_dir(cluster), &paths.shared_root(cluster)]
    {
        make(folder, PASS_MODE)?;
    }
    let way = paths.shared_way(cluster, &shared.name);
    let own = |folder: &Path, mode, owner| {
        let owned = Beneath::open(folder).and_then(|beneath| beneath.own_folder(Path::new("."), mode, owner));
        owned.map_err(failed)
    };
    make(&way, CLOSED_MODE)?;
    if let User::Process(process) = user {
        own(&way, GROUP_PASS_MODE, Owner { gid: process.gid, ..Owner::ROOT })?;
    }
    make(&path, CLOSED_MODE)?;
    hit(Point::SharedMade);
    own(&path, shared.mode, Owner { uid: shared.uid, gid: shared.gid })
}

/// Removes a node's folders, those on disk included. Its ramdisks must be unmounted before. Both are tried.
pub fn remove_node(paths: &Paths, cluster: &ClusterId, node: &NodeName) -> Result<(), FilesError> {
    let run = remove(&paths.node_dir(cluster, node));
    if planted(Fault::SkipDiskRemoval) {
        return run;
    }
    run.and(remove(&paths.node_disk_dir(cluster, node)))
}

/// Removes a cluster's folders with all that is left in them. Both are tried.
pub fn remove_cluster(paths: &Paths, cluster: &ClusterId) -> Result<(), FilesError> {
    let run = remove(&paths.cluster_dir(cluster));
    if planted(Fault::SkipDiskRemoval) {
        return run;
    }
    run.and(remove(&paths.cluster_disk_dir(cluster)))
}

/// The ids of clusters that have a folder which lasts as long as a boot.
pub fn clusters_of_boot(paths: &Paths) -> Result<BTreeSet<ClusterId>, FilesError> {
    named(paths.run_dir(), |name| ClusterId::new(name).ok())
}

/// The ids of clusters that have a folder of either kind.
pub fn clusters(paths: &Paths) -> Result<BTreeSet<ClusterId>, FilesError> {
    let mut found = clusters_of_boot(paths)?;
    found.extend(named(&paths.disk_root(), |name| ClusterId::new(name).ok())?);
    Ok(found)
}

/// The nodes of a cluster that have a folder that lasts as long as a boot.
pub fn nodes(paths: &Paths, cluster: &ClusterId) -> Result<BTreeSet<NodeName>, FilesError> {
    named(&paths.cluster_dir(cluster), |name| name.parse().ok())
}

/// The folders in a folder, by their names, as far as they are such; nothing where it is not there.
fn named<T: Ord>(folder: &Path, parse: impl Fn(&str) -> Option<T>) -> Result<BTreeSet<T>, FilesError> {
    let failed = |source| FilesError::Read { path: folder.to_path_buf(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = BTreeSet::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_dir() {
            found.extend(entry.file_name().to_str().and_then(&parse));
        }
    }
    Ok(found)
}

/// Makes a folder of the agent's, and those above it. One that is there keeps its mode: it may be the machine's.
fn make(path: &Path, mode: u32) -> Result<(), FilesError> {
    match DirBuilder::new().recursive(true).mode(mode).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !path.is_dir() => {
            Err(FilesError::Create { path: path.to_path_buf(), source: error })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_containers_disk_is_its_users_where_the_scenario_says_who_that_is() {
        let owner = |uid, gid| User::Container(Some(Owner { uid, gid }));
        assert_eq!(User::of_container(Some("1000:1001")), owner(1000, 1001));
        assert_eq!(User::of_container(Some("1000")), owner(1000, 0));
        for unknown in [None, Some("redis"), Some("redis:redis"), Some("1000:redis")] {
            assert_eq!(User::of_container(unknown), User::Container(None), "{unknown:?}");
        }
    }
}
