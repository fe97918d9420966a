//! Where things lie: the state directory, the run directory, and what is below them.
//!
//! `state_dir` survives a boot (ledger, identity, disk folders), `run_dir` does not (mounts, hosts files, shims).
//! Every mount point lies below `run_dir`, whose path always contains `throng`, so that the audit can tell ours from
//! others' by the path alone.

use std::path::{Component, Path, PathBuf};

use throng_common::ids::{ClusterId, NodeName};
use throng_common::layout;

/// The word that every mount point of ours contains.
const MARK: &str = "throng";

/// The agent's folders and files. Plain values: nothing is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    state_dir: String,
    run_dir: String,
    etc_hosts: PathBuf,
    machine_lock: PathBuf,
}

/// Why a folder cannot be used by the agent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathsError {
    /// It is relative, or contains `.` or `..`.
    #[error("{what} `{path}` is not a plain absolute path: give one that begins with `/` and has no `..`")]
    NotPlain {
        /// Which folder.
        what: &'static str,
        /// The path.
        path: String,
    },
    /// The audit could not tell its mounts from others'.
    #[error("run directory `{path}` does not contain `throng`: name it so that its mounts can be told from others'")]
    Unmarked {
        /// The path.
        path: String,
    },
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            state_dir: "/var/lib/throng-agent".to_owned(),
            run_dir: "/run/throng".to_owned(),
            etc_hosts: PathBuf::from("/etc/hosts"),
            machine_lock: PathBuf::from("/run/throng.lock"),
        }
    }
}

impl Paths {
    /// Folders other than the usual ones: plain absolute UTF-8 paths; the run directory's must contain `throng`.
    pub fn new(state_dir: &Path, run_dir: &Path) -> Result<Self, PathsError> {
        let state_dir = plain("state directory", state_dir)?;
        let run_dir = plain("run directory", run_dir)?;
        if !run_dir.contains(MARK) {
            return Err(PathsError::Unmarked { path: run_dir });
        }
        Ok(Self { state_dir, run_dir, ..Self::default() })
    }

    /// The same, with another file in the place of `/etc/hosts`.
    #[must_use]
    pub fn with_etc_hosts(self, etc_hosts: PathBuf) -> Self {
        Self { etc_hosts, ..self }
    }

    /// The same, with another lock between the agents of a machine.
    #[must_use]
    pub fn with_machine_lock(self, machine_lock: PathBuf) -> Self {
        Self { machine_lock, ..self }
    }

    /// What survives a boot.
    pub fn state_dir(&self) -> &Path {
        Path::new(&self.state_dir)
    }

    /// What does not.
    pub fn run_dir(&self) -> &Path {
        Path::new(&self.run_dir)
    }

    /// The host's own hosts file.
    pub fn etc_hosts(&self) -> &Path {
        &self.etc_hosts
    }

    /// The lock between the agents of a machine: the same one wherever their folders lie, because what it guards is the
    /// same.
    pub fn machine_lock(&self) -> &Path {
        &self.machine_lock
    }

    /// The agent's database.
    pub fn ledger(&self) -> PathBuf {
        self.state_dir().join("ledger.db")
    }

    /// Locked while an agent uses the state directory.
    pub fn lock(&self) -> PathBuf {
        self.state_dir().join("lock")
    }

    /// What the daemon says of itself, for whoever starts it.
    pub fn status(&self) -> PathBuf {
        self.state_dir().join("status.json")
    }

    /// What a daemon that was started in the background writes.
    pub fn log(&self) -> PathBuf {
        self.state_dir().join("agent.log")
    }

    /// Where the agent's program has a mount of its own for a moment.
    pub fn sealing_place(&self) -> PathBuf {
        self.run_dir().join(".program")
    }

    /// What was changed of the kernel's settings, for when the ledger is gone.
    pub fn settings_note(&self) -> PathBuf {
        self.run_dir().join(".settings.json")
    }

    /// Key, certificate and the fleet's authority.
    pub fn identity_dir(&self) -> PathBuf {
        self.state_dir().join("identity")
    }

    /// The folder that holds the disk folders of all clusters.
    pub fn disk_root(&self) -> PathBuf {
        self.state_dir().join("disk")
    }

    /// A cluster's disk folders.
    pub fn cluster_disk_dir(&self, cluster: &ClusterId) -> PathBuf {
        self.disk_root().join(cluster.as_str())
    }

    /// What holds a node's folders on disk; root's.
    pub fn node_disk_dir(&self, cluster: &ClusterId, node: &NodeName) -> PathBuf {
        layout::node_disk_dir(&self.state_dir, cluster, node).into()
    }

    /// A node's folder on disk.
    pub fn disk_dir(&self, cluster: &ClusterId, node: &NodeName) -> PathBuf {
        layout::disk_dir(&self.state_dir, cluster, node).into()
    }

    /// What holds the folders that nodes of a cluster share.
    pub fn shared_root(&self, cluster: &ClusterId) -> PathBuf {
        self.cluster_disk_dir(cluster).join(".shared")
    }

    /// What leads to a folder that nodes of a cluster share, and holds nothing else.
    pub fn shared_way(&self, cluster: &ClusterId, name: &str) -> PathBuf {
        self.shared_root(cluster).join(name)
    }

    /// A folder on disk that nodes of a cluster share.
    pub fn shared_dir(&self, cluster: &ClusterId, name: &str) -> PathBuf {
        layout::shared_dir(&self.state_dir, cluster, name).into()
    }

    /// A cluster's folder.
    pub fn cluster_dir(&self, cluster: &ClusterId) -> PathBuf {
        layout::cluster_dir(&self.run_dir, cluster).into()
    }

    /// A cluster's hosts file, bind-mounted into its containers.
    pub fn cluster_hosts(&self, cluster: &ClusterId) -> PathBuf {
        layout::hosts_file(&self.run_dir, cluster).into()
    }

    /// The agent's folder for a node of what ends with a boot; root's.
    pub fn node_dir(&self, cluster: &ClusterId, node: &NodeName) -> PathBuf {
        layout::node_dir(&self.run_dir, cluster, node).into()
    }

    /// The node's own working folder; its user's.
    pub fn work_dir(&self, cluster: &ClusterId, node: &NodeName) -> PathBuf {
        layout::work_dir(&self.state_dir, cluster, node).into()
    }

    /// The files rendered for a container, bind-mounted into it one by one; root's.
    pub fn files_dir(&self, cluster: &ClusterId, node: &NodeName) -> PathBuf {
        self.node_disk_dir(cluster, node).join("files")
    }

    /// The shim's files: specification, process id, log, exit record; root's.
    pub fn shim_dir(&self, cluster: &ClusterId, node: &NodeName) -> PathBuf {
        self.node_dir(cluster, node).join("shim")
    }

    /// The folder that holds a node's mount points.
    pub fn ramdisk_root(&self, cluster: &ClusterId, node: &NodeName) -> PathBuf {
        self.node_dir(cluster, node).join("ramdisk")
    }

    /// The mount point of a ramdisk.
    pub fn ramdisk_dir(&self, cluster: &ClusterId, node: &NodeName, ramdisk: &str) -> PathBuf {
        layout::ramdisk_dir(&self.run_dir, cluster, node, ramdisk).into()
    }
}

/// The path as text where it is absolute and has no `.` or `..`.
fn plain(what: &'static str, path: &Path) -> Result<String, PathsError> {
    let wrong = || PathsError::NotPlain { what, path: path.display().to_string() };
    let parts_are_plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    let tidy: PathBuf = path.components().collect();
    let text = tidy.to_str().ok_or_else(wrong)?;
    if path.is_absolute() && parts_are_plain && text != "/" { Ok(text.to_owned()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use throng_common::ids::RoleName;

    #[test]
    fn folders_are_refused_where_mounts_could_not_be_told_from_others() {
        let state = Path::new("/var/lib/x");
        assert!(matches!(Paths::new(state, Path::new("/run/other")), Err(PathsError::Unmarked { .. })));
        for path in ["run/throng", "/run/../throng", "/", ""] {
            assert!(matches!(Paths::new(state, Path::new(path)), Err(PathsError::NotPlain { .. })), "{path}");
        }
    }

    #[test]
    fn every_mount_point_contains_the_mark() {
        let paths = Paths::new(Path::new("/tmp/s"), Path::new("/tmp/throng-test/")).unwrap();
        let cluster = ClusterId::new("a-b").unwrap();
        let node = NodeName::new(RoleName::new("worker").unwrap(), 1);
        let mount_point = paths.ramdisk_dir(&cluster, &node, "data");
        assert_eq!(mount_point, Path::new("/tmp/throng-test/a-b/worker-0001/ramdisk/data"));
        assert!(mount_point.starts_with(paths.ramdisk_root(&cluster, &node)));
    }
}
