//! Hosts and scenarios that the tests plan with.

use std::collections::BTreeMap;

use throng_common::ids::{ClusterId, HostId, RoleName};
use throng_common::ports::PortSet;
use throng_common::scenario::model::Scenario;
use throng_common::size::ByteSize;
use throng_common::status::{EngineFacts, HostFacts, UnixMillis};

use crate::planner::imagined::plan_imagined;
use crate::planner::input::{HostInput, PlanInput};
use crate::planner::limit::LimitName;
use crate::planner::plan::Plan;
use crate::planner::planning::plan;
use crate::planner::refusal::PlanRefusal;

/// One Redis primary as a process, workers as containers: the scenario that every newcomer runs first.
pub(crate) const REDIS: &str = r#"
format = 1
[scenario]
name = "redis-replicas"
[role.primary]
run = "process"
command = ["redis-server", "--bind", "{node.address}", "--port", "{port.redis}", "--dir", "{node.dir}"]
ports = ["redis"]
memory = "256MiB"
ready = { tcp = "redis", send = "PING\r\n", expect = "PONG" }
[role.worker]
run = "container"
count = 100
after = ["primary"]
image = "redis:7"
command = ["redis-server", "--bind", "{node.address}", "--port", "{port.redis}", "--dir", "{ramdisk.data}",
           "--replicaof", "{role.primary.address}", "{role.primary.port.redis}"]
ports = ["redis"]
ramdisk = { data = { path = "/data", size = "8MiB" } }
memory = "16MiB"
start = { rate = "40/s", quorum = "99%", timeout = "8m" }
"#;

/// A scenario from its text.
pub(crate) fn scenario(text: &str) -> Scenario {
    toml::from_str(text).unwrap()
}

/// The Redis scenario with so many workers.
pub(crate) fn redis(workers: u32) -> Scenario {
    with_count(scenario(REDIS), "worker", workers)
}

/// The scenario with another count for a role.
pub(crate) fn with_count(mut scenario: Scenario, role: &str, count: u32) -> Scenario {
    scenario.role.get_mut(&RoleName::new(role).unwrap()).unwrap().count = count;
    scenario
}

/// A laptop-like host: 2 cores, 24 GiB, kernel settings as Debian 12 has them.
pub(crate) fn host(name: &str) -> HostInput {
    let sysctls = [
        ("kernel.pid_max", "32768"),
        ("kernel.threads-max", "192731"),
        ("kernel.keys.root_maxkeys", "1000000"),
        ("kernel.keys.root_maxbytes", "25000000"),
        ("fs.file-max", "9223372036854775807"),
        ("fs.nr_open", "1048576"),
        ("fs.mount-max", "100000"),
        ("fs.inotify.max_user_instances", "128"),
        ("fs.inotify.max_user_watches", "192536"),
        ("vm.max_map_count", "65530"),
        ("net.core.somaxconn", "4096"),
        ("net.core.netdev_max_backlog", "1000"),
        ("net.ipv4.tcp_max_syn_backlog", "2048"),
        ("net.ipv4.ip_local_port_range", "32768\t60999"),
        ("net.ipv4.ip_local_reserved_ports", ""),
        ("net.ipv4.neigh.default.gc_thresh1", "128"),
        ("net.ipv4.neigh.default.gc_thresh2", "512"),
        ("net.ipv4.neigh.default.gc_thresh3", "1024"),
        ("user.max_mnt_namespaces", "96365"),
        ("user.max_pid_namespaces", "96365"),
        ("user.max_ipc_namespaces", "96365"),
        ("user.max_uts_namespaces", "96365"),
    ];
    let facts = HostFacts {
        hostname: "laptop".to_owned(),
        kernel: "6.1.0".to_owned(),
        boot_id: "b".to_owned(),
        cpu_cores: 2,
        memory_total_bytes: ByteSize::gib(24).as_bytes(),
        memory_available_bytes: ByteSize::gib(23).as_bytes(),
        cgroup_version: 2,
        engine: Some(EngineFacts {
            version: "20.10.24".to_owned(),
            api_version: "1.41".to_owned(),
            socket: "/var/run/docker.sock".to_owned(),
            storage_driver: "overlay2".to_owned(),
            cgroup_driver: "systemd".to_owned(),
            live_restore: true,
            unusable: None,
            pid: Some(700),
        }),
        engine_problem: None,
        run_dir: "/run/throng".to_owned(),
        state_dir: "/var/lib/throng-agent".to_owned(),
        sysctls: sysctls.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        child_pid_namespace: false,
        engine_nofile_hard: Some(1_048_576),
        agent_nofile_hard: 1_048_576,
        engine_lifts_limits: false,
        agent_lifts_limits: false,
        root_keys: 5,
        tasks: 180,
        open_files: 1500,
        listening_ports: "22,20003".parse().unwrap(),
        addresses: vec!["127.0.0.1".parse().unwrap(), "10.0.0.7".parse().unwrap()],
        now: UnixMillis(0),
        engine_disk_free_bytes: None,
    };
    HostInput { host: HostId::new(name).unwrap(), facts, other_ports: PortSet::default(), other_memory: ByteSize::ZERO }
}

/// Sets a kernel setting of a host.
pub(crate) fn set(host: &mut HostInput, key: &str, value: &str) {
    host.facts.sysctls.insert(key.to_owned(), value.to_owned());
}

/// Plans a scenario on hosts.
pub(crate) fn try_plan(scenario: &Scenario, hosts: &[HostInput], previous: Option<&Plan>) -> Result<Plan, PlanRefusal> {
    plan_for(scenario, hosts, previous, false)
}

/// Plans a scenario on a host, only to show it.
pub(crate) fn try_preview(scenario: &Scenario, host: HostInput) -> Result<Plan, PlanRefusal> {
    plan_for(scenario, &[host], None, true)
}

/// Plans a scenario on the hosts that it imagines.
pub(crate) fn imagined(scenario: &Scenario) -> Result<Plan, PlanRefusal> {
    let cluster = ClusterId::new("redis-replicas-x7k2").unwrap();
    let images = BTreeMap::new();
    plan_imagined(&PlanInput {
        scenario,
        cluster: &cluster,
        caller: "1000:1000",
        scenario_dir: "/home/me/redis",
        images: &images,
        hosts: &[],
        previous: None,
        preview: true,
    })
    .unwrap()
}

fn plan_for(
    scenario: &Scenario,
    hosts: &[HostInput],
    previous: Option<&Plan>,
    preview: bool,
) -> Result<Plan, PlanRefusal> {
    let cluster = ClusterId::new("redis-replicas-x7k2").unwrap();
    let images = BTreeMap::new();
    plan(&PlanInput {
        scenario,
        cluster: &cluster,
        caller: "1000:1000",
        scenario_dir: "/home/me/redis",
        images: &images,
        hosts,
        previous,
        preview,
    })
}

/// Plans a scenario that fits on one ordinary host.
pub(crate) fn fitting(scenario: &Scenario) -> Plan {
    try_plan(scenario, &[host("local")], None).unwrap()
}

/// The limits that a refusal names.
pub(crate) fn refused_for(refusal: &PlanRefusal) -> Vec<LimitName> {
    refusal.problems.iter().filter_map(|problem| problem.limit().cloned()).collect()
}
