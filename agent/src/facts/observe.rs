//! Reads the facts. None of it needs root but the engine's own limits.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::statvfs::statvfs;
use procfs::{Current, Meminfo};
use throng_common::ports::{PortRange, PortSet};
use throng_common::status::{EngineFacts, HostFacts, UnixMillis};
use throng_common::sysctl_keys;

use super::engine_process::engine_pid;
use crate::host::procs::table::Procs;
use crate::paths::Paths;
use crate::resources::address;
use crate::resources::cgroup::cgroups::Cgroups;
use crate::resources::ports::holder::listening_ports;
use crate::resources::sysctl::key::SysctlKey;
use crate::resources::sysctl::store::{ProcSys, Sysctls};

/// The number that the kernel gives the first pid namespace of a machine (`PROC_PID_INIT_INO`).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// Where an engine keeps its data by default.
const ENGINE_DATA: &str = "/var/lib/docker";

/// What the caller found when it asked the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineProbe {
    /// It answered.
    Found(EngineFacts),
    /// It did not: why, and what to do about it.
    Problem(String),
}

/// Why the facts could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// A file of the kernel could not be read.
    #[error("cannot read {path}: is /proc mounted?")]
    Kernel {
        /// The file.
        path: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A limit could not be read.
    #[error("cannot read the limit of open files")]
    Limit(#[source] nix::Error),
}

/// Reads all facts. Blocks for some milliseconds. What a host does not tell is left out; only what every Linux tells is
/// an error when it is missing.
pub fn observe(paths: &Paths, engine: EngineProbe) -> Result<HostFacts, FactsError> {
    let procs = Procs::default();
    let meminfo = Meminfo::current()
        .map_err(|error| FactsError::Kernel { path: "/proc/meminfo", source: io::Error::other(error) })?;
    let (_, agent_nofile_hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(FactsError::Limit)?;
    let (mut engine, engine_problem) = match engine {
        EngineProbe::Found(facts) => (Some(facts), None),
        EngineProbe::Problem(problem) => (None, Some(problem)),
    };
    if let Some(facts) = engine.as_mut().filter(|facts| facts.pid.is_none()) {
        facts.pid = engine_pid(&procs, Path::new(facts.socket.trim_start_matches("unix://")));
    }
    let engine_process = engine.as_ref().and_then(|facts| facts.pid);
    Ok(HostFacts {
        hostname: kernel_text("/proc/sys/kernel/hostname")?,
        kernel: kernel_text("/proc/sys/kernel/osrelease")?,
        boot_id: kernel_text("/proc/sys/kernel/random/boot_id")?,
        cpu_cores: std::thread::available_parallelism()
            .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX)),
        memory_total_bytes: meminfo.mem_total,
        memory_available_bytes: meminfo.mem_available.unwrap_or(meminfo.mem_free),
        cgroup_version: Cgroups::discover().map_or(0, |cgroups| cgroups.version().number()),
        engine_disk_free_bytes: engine.as_ref().and_then(|_| engine_free_bytes()),
        engine,
        engine_problem,
        run_dir: paths.run_dir().display().to_string(),
        state_dir: paths.state_dir().display().to_string(),
        sysctls: sysctls(&ProcSys::default()),
        child_pid_namespace: procs.namespace(std::process::id(), "pid").is_ok_and(|name| name != FIRST_PID_NAMESPACE),
        engine_nofile_hard: engine_process.and_then(|pid| nofile_hard(&procs, pid)),
        agent_nofile_hard,
        engine_lifts_limits: engine_process.is_some_and(|pid| procs.may_lift_limits(pid)),
        agent_lifts_limits: procs.may_lift_limits(std::process::id()),
        root_keys: root_keys(),
        tasks: tasks(&kernel_text("/proc/loadavg")?).unwrap_or_default(),
        open_files: first_number(&kernel_text("/proc/sys/fs/file-nr")?).unwrap_or_default(),
        listening_ports: ports(),
        addresses: addresses(),
        now: now(),
    })
}

/// The time by this host's clock.
pub fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Free space, for users who are not root, of the file system that holds the path; none where it cannot be asked.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let stat = statvfs(path).ok()?;
    Some(stat.blocks_available() * stat.fragment_size())
}

/// Free space of the file system that holds the engine's data, where it has any.
pub fn engine_free_bytes() -> Option<u64> {
    free_bytes(Path::new(ENGINE_DATA))
}

fn kernel_text(path: &'static str) -> Result<String, FactsError> {
    let text = fs::read_to_string(path).map_err(|source| FactsError::Kernel { path, source })?;
    Ok(text.trim().to_owned())
}

fn sysctls(store: &dyn Sysctls) -> BTreeMap<String, String> {
    let read = |name: &str| {
        let value = store.read(&SysctlKey::new(name).ok()?).ok()??;
        Some((name.to_owned(), value))
    };
    sysctl_keys::ALL.into_iter().filter_map(read).collect()
}

/// The engine's limit; "unlimited" is bounded by what the kernel gives anybody.
fn nofile_hard(procs: &Procs, pid: u32) -> Option<u64> {
    let kernel_most = || first_number(&kernel_text("/proc/sys/fs/nr_open").ok()?);
    procs.nofile_hard(pid).ok()?.or_else(kernel_most)
}

/// Keys that root holds; a kernel without keyrings has none.
fn root_keys() -> u64 {
    let users = procfs::keyring::key_users().unwrap_or_default();
    users.get(&0).map_or(0, |root| u64::from(root.qnkeys))
}

/// The second number of `3/250` in `0.10 0.20 0.30 3/250 12345`.
fn tasks(loadavg: &str) -> Option<u64> {
    let (_, all) = loadavg.split_ascii_whitespace().nth(3)?.split_once('/')?;
    all.parse().ok()
}

fn first_number(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

fn ports() -> PortSet {
    let listening = listening_ports().unwrap_or_default();
    listening.into_iter().filter_map(|port| PortRange::new(port, port).ok()).collect()
}

fn addresses() -> Vec<IpAddr> {
    address::apply::observe().unwrap_or_default().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_hosts_facts_are_plausible() {
        let facts = observe(&Paths::default(), EngineProbe::Problem("not asked".to_owned())).unwrap();
        assert!(facts.memory_total_bytes >= facts.memory_available_bytes && facts.memory_available_bytes > 0);
        assert!(facts.cpu_cores >= 1 && facts.tasks > 1 && facts.open_files > 0 && facts.agent_nofile_hard > 0);
        assert_eq!(facts.boot_id.len(), 36);
        assert!(facts.sysctls[sysctl_keys::PID_MAX].parse::<u64>().unwrap() >= 300);
        assert!(facts.sysctls.contains_key(sysctl_keys::RESERVED_PORTS), "an empty list is a value too");
        assert!(facts.addresses.contains(&"127.0.0.1".parse().unwrap()), "{:?}", facts.addresses);
        assert_eq!((facts.engine, facts.engine_problem.as_deref()), (None, Some("not asked")));
    }

    #[test]
    fn a_listener_is_among_the_listening_ports() {
        let listener = std::net::TcpListener::bind("127.84.9.7:0").unwrap();
        assert!(ports().contains(listener.local_addr().unwrap().port()));
    }

    #[test]
    fn the_number_of_tasks_is_read_from_the_load() {
        assert_eq!(tasks("0.10 0.20 0.30 3/250 12345"), Some(250));
        assert_eq!(tasks("odd"), None);
    }
}
