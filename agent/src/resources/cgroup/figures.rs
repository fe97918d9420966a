//! What a group uses, read from its files: paths are kept by the caller.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::CgroupError;
use super::hierarchy::{Controller, Version};
use crate::host::procs::kernel_file;

/// What a group has used and uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// CPU time, since the group was made.
    pub cpu_usage_micros: u64,
    /// Time that its members waited because of its quota.
    pub throttled_micros: u64,
    /// Anonymous memory.
    pub anonymous_bytes: u64,
    /// tmpfs pages charged to it, and shared memory.
    pub shmem_bytes: u64,
    /// Kernel memory charged to it; none where the kernel does not say.
    pub kernel_bytes: Option<u64>,
    /// Members that the kernel killed for memory.
    pub oom_kills: u64,
}

/// The files that hold a group's figures. Cheap to keep, dear to find: made once a start of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigurePaths {
    version: Version,
    memory: Option<PathBuf>,
    cpu: Option<PathBuf>,
    cpuacct: Option<PathBuf>,
}

const NANOS_PER_MICRO: u64 = 1000;

impl FigurePaths {
    /// The files of a group whose folders are known by controller.
    pub fn new(version: Version, folders: &BTreeMap<Controller, PathBuf>) -> Self {
        let folder = |controller| folders.get(&controller).cloned();
        let (memory, cpu) = (folder(Controller::Memory), folder(Controller::Cpu));
        Self { version, memory, cpu, cpuacct: folder(Controller::Cpuacct) }
    }

    /// Reads the figures. Controllers that the host lacks count nothing; a group that is gone is an error.
    pub fn read(&self) -> Result<Figures, CgroupError> {
        match self.version {
            Version::V1 => self.read_v1(),
            Version::V2 => self.read_v2(),
        }
    }

    fn read_v1(&self) -> Result<Figures, CgroupError> {
        let mut figures = Figures::default();
        if let Some(memory) = &self.memory {
            let stat = read(memory, "memory.stat")?;
            figures.anonymous_bytes = field(&stat, "total_rss").unwrap_or_default();
            figures.shmem_bytes = field(&stat, "total_shmem").unwrap_or_default();
            figures.kernel_bytes = read(memory, "memory.kmem.usage_in_bytes").ok().and_then(|text| number(&text));
            figures.oom_kills = field(&read(memory, "memory.oom_control")?, "oom_kill").unwrap_or_default();
        }
        if let Some(cpuacct) = &self.cpuacct {
            figures.cpu_usage_micros = number(&read(cpuacct, "cpuacct.usage")?).unwrap_or_default() / NANOS_PER_MICRO;
        }
        if let Some(cpu) = &self.cpu {
            let throttled = field(&read(cpu, "cpu.stat")?, "throttled_time").unwrap_or_default();
            figures.throttled_micros = throttled / NANOS_PER_MICRO;
        }
        Ok(figures)
    }

    fn read_v2(&self) -> Result<Figures, CgroupError> {
        let Some(folder) = &self.memory else {
            return Err(CgroupError::Unavailable { reason: "the group has no folder".to_owned() });
        };
        // `cpu.stat` is there for every group; the memory files only where the controller is enabled.
        let cpu = read(folder, "cpu.stat")?;
        let memory = read(folder, "memory.stat").unwrap_or_default();
        let events = read(folder, "memory.events").unwrap_or_default();
        Ok(Figures {
            cpu_usage_micros: field(&cpu, "usage_usec").unwrap_or_default(),
            throttled_micros: field(&cpu, "throttled_usec").unwrap_or_default(),
            anonymous_bytes: field(&memory, "anon").unwrap_or_default(),
            shmem_bytes: field(&memory, "shmem").unwrap_or_default(),
            kernel_bytes: field(&memory, "kernel"),
            oom_kills: field(&events, "oom_kill").unwrap_or_default(),
        })
    }
}

fn read(folder: &Path, file: &str) -> Result<String, CgroupError> {
    let path = folder.join(file);
    kernel_file::read_text(&path).map_err(|source| CgroupError::Read { path, source })
}

/// The number after a name in a file of `name number` lines.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(files: &[(&str, &str)]) -> (tempfile::TempDir, BTreeMap<Controller, PathBuf>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let all = Controller::ALL.into_iter().map(|controller| (controller, folder.path().to_path_buf())).collect();
        (folder, all)
    }

    #[test]
    fn the_first_versions_files_are_read() {
        let (_folder, folders) = group(&[
            ("memory.stat", "cache 1\nrss 7\nshmem 8\ntotal_rss 4096\ntotal_rss_huge 9\ntotal_shmem 8192\n"),
            ("memory.kmem.usage_in_bytes", "512\n"),
            ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"),
            ("cpuacct.usage", "5000000\n"),
            ("cpu.stat", "nr_periods 10\nnr_throttled 2\nthrottled_time 7000\nwait_sum 1\n"),
        ]);
        let figures = FigurePaths::new(Version::V1, &folders).read().unwrap();
        let expected = Figures {
            cpu_usage_micros: 5000,
            throttled_micros: 7,
            anonymous_bytes: 4096,
            shmem_bytes: 8192,
            kernel_bytes: Some(512),
            oom_kills: 3,
        };
        assert_eq!(figures, expected);
    }

    #[test]
    fn the_second_versions_files_are_read() {
        let (_folder, folders) = group(&[
            ("cpu.stat", "usage_usec 123\nuser_usec 100\nnr_throttled 1\nthrottled_usec 45\n"),
            ("memory.stat", "anon 4096\nfile 1\nkernel 2048\nkernel_stack 1\nshmem 8192\n"),
            ("memory.events", "low 0\noom 2\noom_kill 1\noom_group_kill 0\n"),
        ]);
        let figures = FigurePaths::new(Version::V2, &folders).read().unwrap();
        let expected = Figures {
            cpu_usage_micros: 123,
            throttled_micros: 45,
            anonymous_bytes: 4096,
            shmem_bytes: 8192,
            kernel_bytes: Some(2048),
            oom_kills: 1,
        };
        assert_eq!(figures, expected);
    }

    #[test]
    fn a_kernel_that_does_not_count_kernel_memory_gives_none() {
        let (_folder, folders) = group(&[("cpu.stat", "usage_usec 1\n"), ("memory.stat", "anon 1\n")]);
        assert_eq!(FigurePaths::new(Version::V2, &folders).read().unwrap().kernel_bytes, None);
    }

    #[test]
    fn a_group_that_is_gone_is_an_error_that_names_the_file() {
        let (folder, folders) = group(&[]);
        let error = FigurePaths::new(Version::V1, &folders).read().unwrap_err();
        assert!(error.to_string().contains(&folder.path().display().to_string()), "{error}");
    }
}
