//! Plans for machines that nobody has yet: `[fleet] provider = "plan-only"`.

use std::collections::BTreeMap;

use throng_common::ids::HostId;
use throng_common::ports::PortSet;
use throng_common::scenario::model::{HostKind, Provider, RunKind};
use throng_common::size::ByteSize;
use throng_common::status::{EngineFacts, HostFacts, UnixMillis};

use super::input::{HostInput, PlanInput};
use super::plan::Plan;
use super::planning::{holds, plan};
use super::refusal::PlanRefusal;

/// Plans for hosts of the kind that the scenario's fleet is imagined to have: as many as it says, else as few as hold
/// it. None where the fleet is a real one, whose hosts must be asked.
pub fn plan_imagined(input: &PlanInput<'_>) -> Option<Result<Plan, PlanRefusal>> {
    let fleet = &input.scenario.fleet;
    let kind = match (fleet.provider, &fleet.host) {
        (Provider::PlanOnly, Some(kind)) => kind,
        (Provider::PlanOnly | Provider::Local, _) => return None,
    };
    let all = |hosts: u32| -> Vec<HostInput> { (1..=hosts).map(|number| imagined(kind, number)).collect() };
    let count = match kind.count {
        Some(count) => Ok(count),
        None => fewest(input, |hosts| holds(&PlanInput { hosts: &all(hosts), ..*input })),
    };
    let planned = count.and_then(|count| plan(&PlanInput { hosts: &all(count), ..*input }));
    Some(planned.map(|mut plan| {
        plan.notes.push(format!(
            "no host was asked: each is taken for a Debian 12 as it is installed, with {} cores and {}",
            kind.cpus, kind.memory
        ));
        plan
    }))
}

/// Most hosts that are tried: what is more takes long to plan.
const HOSTS_MAX: u32 = 1_000;

/// The fewest hosts that hold the cluster: two where processes are not to be disturbed by containers, one for each node at
/// the most. Where that many do not hold it, they are the answer all the same: their plan says why.
fn fewest(input: &PlanInput<'_>, holds: impl Fn(u32) -> Result<bool, PlanRefusal>) -> Result<u32, PlanRefusal> {
    let roles = || input.scenario.role.values();
    let kinds = [RunKind::Process, RunKind::Container].map(|kind| u32::from(roles().any(|role| role.run == kind)));
    let least = kinds.iter().sum::<u32>().max(1);
    let most = roles().map(|role| role.count).sum::<u32>().clamp(least, HOSTS_MAX);
    let (mut too_few, mut hosts) = (least - 1, least);
    while hosts < most && !holds(hosts)? {
        (too_few, hosts) = (hosts, hosts.saturating_mul(2).min(most));
    }
    while hosts - too_few > 1 {
        let middle = too_few + (hosts - too_few) / 2;
        if holds(middle)? { hosts = middle } else { too_few = middle }
    }
    Ok(hosts)
}

/// A host of this kind on which nothing runs but what comes with the system.
fn imagined(kind: &HostKind, number: u32) -> HostInput {
    HostInput {
        host: HostId::new(format!("host-{number}")).expect("a word and a number are a name"),
        facts: HostFacts {
            hostname: format!("host-{number}"),
            kernel: "6.1".to_owned(),
            boot_id: String::new(),
            cpu_cores: kind.cpus,
            memory_total_bytes: kind.memory.as_bytes(),
            memory_available_bytes: kind.memory.as_bytes(),
            cgroup_version: 2,
            engine: Some(EngineFacts {
                version: "20.10.24".to_owned(),
                api_version: "1.41".to_owned(),
                socket: "/var/run/docker.sock".to_owned(),
                storage_driver: "overlay2".to_owned(),
                cgroup_driver: "systemd".to_owned(),
                live_restore: true,
                unusable: None,
                pid: None,
            }),
            engine_problem: None,
            run_dir: "/run/throng".to_owned(),
            state_dir: "/var/lib/throng-agent".to_owned(),
            sysctls: settings(kind.memory),
            child_pid_namespace: false,
            engine_nofile_hard: Some(SYSTEMD_NR_OPEN),
            agent_nofile_hard: SYSTEMD_NR_OPEN,
            engine_lifts_limits: true,
            agent_lifts_limits: true,
            root_keys: 10,
            // An allowance for what comes with the system: the kernel has some tasks for every core.
            tasks: 160 + u64::from(kind.cpus) * 8,
            open_files: 2_000,
            listening_ports: "22".parse().expect("a number is a set of ports"),
            addresses: vec![],
            now: UnixMillis(0),
            engine_disk_free_bytes: None,
        },
        other_ports: PortSet::default(),
        other_memory: ByteSize::ZERO,
    }
}

/// What systemd 252 raises `fs.nr_open` to: the highest that the kernel takes.
const SYSTEMD_NR_OPEN: u64 = 1_073_741_816;

/// The kernel settings of a Debian 12 with so much memory: those of Linux 6.1, where its programs do not raise them
/// (systemd 252: `kernel.pid_max`, `fs.file-max`, `fs.nr_open`). What depends on memory is computed as the kernel does.
fn settings(memory: ByteSize) -> BTreeMap<String, String> {
    // kernel/fork.c: threads may take an eighth of the memory, 16 KiB each.
    let threads = memory.as_bytes() / (8 * 16 * 1024);
    // fs/notify/inotify: watches may take a hundredth of it, 1.3 KiB each, within bounds.
    let watches = (memory.as_bytes() / 100 / 1_338).clamp(8_192, 1_048_576);
    let namespaces = threads / 2;
    let numbers = [
        ("kernel.pid_max", 4_194_304),
        ("kernel.threads-max", threads),
        ("kernel.keys.root_maxkeys", 1_000_000),
        ("kernel.keys.root_maxbytes", 25_000_000),
        ("fs.file-max", 9_223_372_036_854_775_807),
        ("fs.nr_open", SYSTEMD_NR_OPEN),
        ("fs.mount-max", 100_000),
        ("fs.inotify.max_user_instances", 128),
        ("fs.inotify.max_user_watches", watches),
        ("vm.max_map_count", 65_530),
        ("net.core.somaxconn", 4_096),
        ("net.core.netdev_max_backlog", 1_000),
        ("net.ipv4.tcp_max_syn_backlog", 4_096),
        ("net.ipv4.neigh.default.gc_thresh1", 128),
        ("net.ipv4.neigh.default.gc_thresh2", 512),
        ("net.ipv4.neigh.default.gc_thresh3", 1_024),
        ("user.max_mnt_namespaces", namespaces),
        ("user.max_pid_namespaces", namespaces),
        ("user.max_ipc_namespaces", namespaces),
        ("user.max_uts_namespaces", namespaces),
    ];
    let texts = [("net.ipv4.ip_local_port_range", "32768\t60999"), ("net.ipv4.ip_local_reserved_ports", "")];
    let numbers = numbers.into_iter().map(|(key, value)| (key.to_owned(), value.to_string()));
    numbers.chain(texts.map(|(key, value)| (key.to_owned(), value.to_owned()))).collect()
}
