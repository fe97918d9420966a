//! Which control group hierarchies this host has and where they are mounted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::host::mounts::table::MountEntry;

/// The controllers that throng uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Controller {
    /// Memory limit and figures.
    Memory,
    /// CPU quota and throttling.
    Cpu,
    /// CPU time used; part of `cpu` in the second version.
    Cpuacct,
    /// Number of processes and threads.
    Pids,
    /// Stopping all at once; part of the core in the second version.
    Freezer,
}

impl Controller {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Memory, Self::Cpu, Self::Cpuacct, Self::Pids, Self::Freezer];

    /// The kernel's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Cpuacct => "cpuacct",
            Self::Pids => "pids",
            Self::Freezer => "freezer",
        }
    }
}

/// The version of control groups whose files are used. A hybrid host, with its controllers in the first, counts as it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Version {
    /// One hierarchy a controller.
    V1,
    /// One hierarchy for all.
    V2,
}

impl Version {
    /// 1 or 2.
    pub fn number(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }
}

/// A mounted hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hierarchy {
    /// Where it is mounted.
    pub mount_point: PathBuf,
    /// The group that is seen at the mount point, `/` unless only a part of the hierarchy is mounted.
    pub root: PathBuf,
}

impl Hierarchy {
    /// The folder of a group named as in `/proc/<pid>/cgroup`; none where it lies outside of what is mounted.
    pub fn folder(&self, group: &Path) -> Option<PathBuf> {
        let below = group.strip_prefix(&self.root).ok()?;
        Some(self.mount_point.join(below))
    }
}

/// The hierarchies of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hierarchies {
    /// Whose files are used.
    pub version: Version,
    /// By controller; in the second version all are the same.
    pub by_controller: BTreeMap<Controller, Hierarchy>,
}

impl Hierarchies {
    /// Reads them from a mount table; none where no hierarchy of use is mounted.
    pub fn from_mounts(table: &[MountEntry]) -> Option<Self> {
        Self::first_version(table).or_else(|| Self::second_version(table))
    }

    fn first_version(table: &[MountEntry]) -> Option<Self> {
        let mut by_controller = BTreeMap::new();
        for controller in Controller::ALL {
            let mut mounts = table.iter().filter(|entry| entry.fs_type == "cgroup");
            if let Some(entry) = mounts.find(|entry| entry.has_flag(controller.name())) {
                by_controller.insert(controller, hierarchy(entry));
            }
        }
        (!by_controller.is_empty()).then_some(Self { version: Version::V1, by_controller })
    }

    fn second_version(table: &[MountEntry]) -> Option<Self> {
        let entry = table.iter().find(|entry| entry.fs_type == "cgroup2")?;
        let by_controller = Controller::ALL.into_iter().map(|controller| (controller, hierarchy(entry))).collect();
        Some(Self { version: Version::V2, by_controller })
    }

    /// The groups of a process, from the text of `/proc/<pid>/cgroup`, as folders by controller.
    pub fn folders_of(&self, cgroup_text: &str) -> BTreeMap<Controller, PathBuf> {
        let find = |controller: Controller| {
            let group = cgroup_text.lines().find_map(|line| group_in_line(line, self.version, controller))?;
            self.by_controller.get(&controller)?.folder(group)
        };
        Controller::ALL.into_iter().filter_map(|controller| Some((controller, find(controller)?))).collect()
    }
}

fn hierarchy(entry: &MountEntry) -> Hierarchy {
    Hierarchy { mount_point: entry.mount_point.clone(), root: entry.root.clone() }
}

/// The group in `4:memory:/docker/…` or `0::/…`, where the line is about this controller.
fn group_in_line(line: &str, version: Version, controller: Controller) -> Option<&Path> {
    let mut fields = line.splitn(3, ':');
    let (number, controllers, group) = (fields.next()?, fields.next()?, fields.next()?);
    let about_it = match version {
        Version::V1 => controllers.split(',').any(|name| name == controller.name()),
        Version::V2 => number == "0" && controllers.is_empty(),
    };
    about_it.then_some(Path::new(group))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::mounts::table::parse_table;

    const V1: &str = "\
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
";
    const V2: &str = "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn a_hybrid_host_counts_as_the_first_version() {
        let found = Hierarchies::from_mounts(&parse_table(V1.as_bytes())).unwrap();
        assert_eq!(found.version, Version::V1);
        let names: Vec<_> = found.by_controller.keys().copied().collect();
        assert_eq!(names, [Controller::Memory, Controller::Cpu, Controller::Cpuacct]);
        let folders = found.folders_of("4:memory:/docker/abc\n1:cpuacct,cpu:/docker/x:y\n0::/other\n");
        assert_eq!(folders[&Controller::Memory], Path::new("/sys/fs/cgroup/memory/docker/abc"));
        assert_eq!(folders[&Controller::Cpuacct], Path::new("/sys/fs/cgroup/cpu,cpuacct/docker/x:y"));
        assert!(!folders.contains_key(&Controller::Pids));
    }

    #[test]
    fn the_second_version_has_one_folder_for_all() {
        let found = Hierarchies::from_mounts(&parse_table(V2.as_bytes())).unwrap();
        assert_eq!(found.version, Version::V2);
        let folders = found.folders_of("0::/system.slice/docker-abc.scope\n");
        assert_eq!(folders.len(), Controller::ALL.len());
        assert_eq!(folders[&Controller::Memory], Path::new("/sys/fs/cgroup/system.slice/docker-abc.scope"));
    }

    #[test]
    fn a_host_without_control_groups_says_so() {
        assert_eq!(Hierarchies::from_mounts(&parse_table(b"27 1 254:0 / / rw - ext4 /dev/vda rw\n")), None);
    }

    #[test]
    fn a_group_outside_of_what_is_mounted_has_no_folder() {
        let part = Hierarchy { mount_point: "/sys/fs/cgroup/memory".into(), root: "/docker/me".into() };
        assert_eq!(part.folder(Path::new("/docker/me/a")), Some("/sys/fs/cgroup/memory/a".into()));
        assert_eq!(part.folder(Path::new("/docker/you")), None);
    }
}
