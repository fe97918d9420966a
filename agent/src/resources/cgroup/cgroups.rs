//! Finding and making groups.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use throng_common::host_spec::Limits;
use throng_common::ids::{ClusterId, NodeName};

use super::error::CgroupError;
use super::group::Group;
use super::hierarchy::{Controller, Hierarchies, Version};
use super::plan::{CgroupPlan, Knob, LimitWrite, plan};
use crate::host::mounts::table::read_table;
use crate::host::procs::table::Procs;
use crate::resources::outcome::{self, Outcome};

/// The group that holds all groups of throng.
pub const TOP: &str = "throng";

/// The control groups of this host.
#[derive(Debug, Clone)]
pub struct Cgroups {
    hierarchies: Hierarchies,
    procs: Procs,
}

/// A group that exists, and what became of its limits.
#[derive(Debug)]
pub struct Ensured {
    /// The group.
    pub group: Group,
    /// Limits that were wanted and that this host cannot give.
    pub unavailable: Vec<Knob>,
    /// The writes that were made, each with its result.
    pub outcomes: Vec<Outcome<LimitWrite, CgroupError>>,
}

impl Ensured {
    /// Limits that were wanted and that the group does not have.
    pub fn refused(&self) -> BTreeSet<Knob> {
        let failed = outcome::failures(&self.outcomes).filter(|(write, _)| write.value.is_some());
        let failed = failed.map(|(write, _)| write.knob);
        failed.chain(self.unavailable.iter().copied()).collect()
    }
}

impl Cgroups {
    /// Looks the host's hierarchies up.
    pub fn discover() -> Result<Self, CgroupError> {
        let procs = Procs::default();
        let path = procs.root().join("self/mountinfo");
        let table = read_table(procs.root(), "self").map_err(|source| CgroupError::Read { path, source })?;
        let reason = || "no cgroup hierarchy is mounted: mount one at /sys/fs/cgroup".to_owned();
        let found = Hierarchies::from_mounts(&table).ok_or_else(|| CgroupError::Unavailable { reason: reason() })?;
        Ok(Self::new(found, procs))
    }

    /// Hierarchies that are already known.
    pub fn new(hierarchies: Hierarchies, procs: Procs) -> Self {
        Self { hierarchies, procs }
    }

    /// Whose files are used.
    pub fn version(&self) -> Version {
        self.hierarchies.version
    }

    /// A node's group, whether it exists or not.
    pub fn of_node(&self, cluster: &ClusterId, node: &NodeName) -> Group {
        self.below_top(&Path::new(TOP).join(cluster.as_str()).join(node.to_string()))
    }

    /// A cluster's group, whether it exists or not.
    pub fn of_cluster(&self, cluster: &ClusterId) -> Group {
        self.below_top(&Path::new(TOP).join(cluster.as_str()))
    }

    fn below_top(&self, path: &Path) -> Group {
        let folder = |(controller, hierarchy): (&Controller, &super::hierarchy::Hierarchy)| {
            (*controller, hierarchy.mount_point.join(path))
        };
        Group::new(self.version(), self.hierarchies.by_controller.iter().map(folder).collect())
    }

    /// The group that a process lies in: a container's, by the process id that its engine gives.
    ///
    /// Unavailable where it shares the agent's own group, whose figures would not be the node's.
    pub fn of_process(&self, pid: u32) -> Result<Group, CgroupError> {
        let read = |pid: u32| {
            let path = self.procs.root().join(pid.to_string()).join("cgroup");
            self.procs.cgroups(pid).map_err(|source| CgroupError::Read { path, source })
        };
        let folders = self.hierarchies.folders_of(&read(pid)?);
        let own = self.hierarchies.folders_of(&read(std::process::id())?);
        let place = |folders: &BTreeMap<Controller, PathBuf>| folders.get(&Controller::Memory).cloned();
        if folders.is_empty() || place(&folders) == place(&own) {
            let reason = format!("process {pid} has no control group of its own");
            return Err(CgroupError::Unavailable { reason });
        }
        Ok(Group::new(self.version(), folders))
    }

    /// Makes a node's group and gives it its limits. Safe to repeat.
    ///
    /// Unavailable where the group itself cannot be made; limits that cannot be had are in the answer.
    pub fn ensure(&self, cluster: &ClusterId, node: &NodeName, limits: &Limits) -> Result<Ensured, CgroupError> {
        let group = self.of_node(cluster, node);
        match self.version() {
            Version::V1 => {}
            Version::V2 => self.delegate(cluster)?,
        }
        for folder in group.folders() {
            create_folder(&folder)?;
        }
        let CgroupPlan { writes, unavailable } = plan(self.version(), limits, &group.observe());
        let outcomes = writes.into_iter().map(|write| Outcome::of(write, |write| group.write(write))).collect();
        Ok(Ensured { group, unavailable, outcomes })
    }

    /// Second version: a group's children have only the controllers that it hands down.
    ///
    /// Each is handed down alone, and a refusal is not an error: the limit is then found to be unavailable.
    fn delegate(&self, cluster: &ClusterId) -> Result<(), CgroupError> {
        let Some(hierarchy) = self.hierarchies.by_controller.get(&Controller::Memory) else { return Ok(()) };
        let top = hierarchy.mount_point.join(TOP);
        let parents = [hierarchy.mount_point.clone(), top.clone(), top.join(cluster.as_str())];
        for parent in parents {
            create_folder(&parent)?;
            for controller in ["+memory", "+cpu", "+pids"] {
                if let Err(error) = fs::write(parent.join("cgroup.subtree_control"), controller) {
                    tracing::debug!(group = %parent.display(), controller, %error, "controller not handed down");
                }
            }
        }
        Ok(())
    }

    /// The folders of all groups of throng below a cluster's, or below all clusters', deepest first.
    pub fn list(&self, cluster: Option<&ClusterId>) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for hierarchy in self.distinct() {
            let top = hierarchy.join(TOP);
            let start = cluster.map_or_else(|| top.clone(), |cluster| top.join(cluster.as_str()));
            collect_groups(&start, &mut found);
        }
        found
    }

    /// Removes a cluster's own group, and throng's where it was the last. Groups that still have children stay.
    pub fn remove_cluster(&self, cluster: &ClusterId) -> Result<(), CgroupError> {
        self.of_cluster(cluster).remove()?;
        for hierarchy in self.distinct() {
            // Another cluster's group, or a group that never was, keeps this from succeeding: both are fine.
            if let Err(error) = fs::remove_dir(hierarchy.join(TOP)) {
                tracing::trace!(hierarchy = %hierarchy.display(), %error, "top group stays");
            }
        }
        Ok(())
    }

    /// The mount points, each once: controllers can share one.
    fn distinct(&self) -> std::collections::BTreeSet<PathBuf> {
        self.hierarchies.by_controller.values().map(|hierarchy| hierarchy.mount_point.clone()).collect()
    }
}

/// Makes a group and those above it. Repeated where another cluster's teardown removes the top one meanwhile.
fn create_folder(folder: &Path) -> Result<(), CgroupError> {
    const TRIES: u32 = 3;
    let mut result = fs::create_dir_all(folder);
    for _ in 1..TRIES {
        match &result {
            Err(error) if error.kind() == io::ErrorKind::NotFound => result = fs::create_dir_all(folder),
            Ok(()) | Err(_) => break,
        }
    }
    result.map_err(|source| cannot_create(folder.to_path_buf(), source))
}

/// Children before their parents, as they must be removed; `start` itself last where it exists.
fn collect_groups(start: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(start) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect_groups(&entry.path(), found);
        }
    }
    found.push(start.to_path_buf());
}

fn cannot_create(path: PathBuf, source: io::Error) -> CgroupError {
    match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => CgroupError::Unavailable {
            reason: format!(
                "{} cannot be created ({source}): the agent needs root and a writable cgroup mount",
                path.display()
            ),
        },
        _ => CgroupError::Create { path, source },
    }
}
