//! What the agent's facts mean, one function a subject. Pure.

use throng_common::scenario::model::Fleet;
use throng_common::size::ByteSize;
use throng_common::status::HostFacts;
use throng_common::sysctl_keys::PID_MAX;

use super::finding::Finding;

/// Below this hard limit, nodes that ask for many files fail at their start; a Debian engine gives a million.
const NOFILE_WANTED: u64 = 65_536;
/// About thirty tasks for each of a thousand small nodes with their shims.
const PID_MAX_WANTED: u64 = 65_536;
/// Clocks of one machine never differ; this is the time that the facts take to read.
const CLOCK_SLACK_MILLIS: u64 = 60_000;
/// A clock before this is a machine without a battery: certificates would not be valid yet. 2025-01-01.
const CLOCK_SANE_UNIX_MILLIS: u64 = 1_735_689_600_000;
/// Less free memory than this does not hold even the smallest example.
const MEMORY_WANTED: ByteSize = ByteSize::gib(1);
/// Less free space than this does not hold an image and its containers' layers.
const DISK_WANTED: ByteSize = ByteSize::gib(2);
pub(super) fn engine(facts: &HostFacts) -> Finding {
    const SUBJECT: &str = "engine";
    let start = "install and start Docker's engine (Debian, Ubuntu: docker.io); `make engine` does both";
    let Some(engine) = &facts.engine else {
        let seen = facts.engine_problem.clone().unwrap_or_else(|| "no engine answers".to_owned());
        let remedy = if seen.contains("ermission") {
            "only root and the group docker may ask it: run doctor with sudo"
        } else {
            start
        };
        return Finding::fail(SUBJECT, seen, remedy);
    };
    let seen = format!(
        "Docker {} (API {}) at {}, storage {}, cgroups by {}",
        engine.version, engine.api_version, engine.socket, engine.storage_driver, engine.cgroup_driver
    );
    if let Some(reason) = &engine.unusable {
        return Finding::fail(
            SUBJECT,
            format!("{seen}: {reason}"),
            "use the distribution's engine: docker.io or docker-ce",
        );
    }
    if !engine.live_restore {
        let remedy = "\"live-restore\": true in /etc/docker/daemon.json keeps containers over an engine's restart";
        return Finding::warn(SUBJECT, format!("{seen}; its restart would stop every node"), remedy);
    }
    Finding::ok(SUBJECT, format!("{seen}, live-restore"))
}

pub(super) fn cgroups(facts: &HostFacts) -> Finding {
    match facts.cgroup_version {
        1 => Finding::ok("cgroups", "version 1 (or hybrid): limits hold"),
        2 => Finding::ok("cgroups", "version 2"),
        other => Finding::fail("cgroups", format!("version {other}"), "mount the control groups: see cgroups(7)"),
    }
}

pub(super) fn nofile(facts: &HostFacts) -> Finding {
    let remedy = "raise LimitNOFILE of the engine's unit, or `ulimit -Hn` where it is started";
    let agent = facts.agent_nofile_hard;
    match facts.engine_nofile_hard {
        Some(engine) if engine < NOFILE_WANTED && !facts.engine_lifts_limits => {
            Finding::warn("open files", format!("the engine gives a node {engine} at most"), remedy)
        }
        Some(_) if facts.engine_lifts_limits => {
            Finding::ok("open files", format!("as many for a node as it asks for, {agent} for a process"))
        }
        Some(engine) => Finding::ok("open files", format!("up to {engine} for a node, {agent} for a process")),
        None => Finding::warn("open files", "the engine's hard limit cannot be read", "run doctor with sudo to see it"),
    }
}

pub(super) fn pids(facts: &HostFacts) -> Finding {
    const SUBJECT: &str = "process ids";
    let tasks = facts.tasks;
    match facts.sysctls.get(PID_MAX).and_then(|text| text.trim().parse::<u64>().ok()) {
        None => Finding::warn(SUBJECT, "kernel.pid_max cannot be read", "is /proc/sys mounted?"),
        Some(max) if facts.child_pid_namespace => Finding::warn(
            SUBJECT,
            format!(
                "kernel.pid_max {max}, {tasks} in use; in a child pid namespace the machine's own limit is unknown"
            ),
            "see kernel.pid_max on the machine itself",
        ),
        Some(max) if max < PID_MAX_WANTED => Finding::warn(
            SUBJECT,
            format!("kernel.pid_max {max}, {tasks} in use"),
            "throng raises it while a cluster is up, as `throng plan` shows",
        ),
        Some(max) => Finding::ok(SUBJECT, format!("kernel.pid_max {max}, {tasks} in use")),
    }
}

pub(super) fn clock(facts: &HostFacts, now_unix_millis: u64) -> Finding {
    let remedy = "set the clock, for instance with `timedatectl set-ntp true`";
    let apart = facts.now.0.abs_diff(now_unix_millis);
    if now_unix_millis < CLOCK_SANE_UNIX_MILLIS {
        return Finding::fail("clock", "it stands before 2025: certificates are not valid yet", remedy);
    }
    if apart > CLOCK_SLACK_MILLIS {
        return Finding::warn("clock", format!("it moved by {} s meanwhile", apart / 1000), remedy);
    }
    Finding::ok("clock", crate::output::time::timestamp(now_unix_millis))
}

pub(super) fn memory(facts: &HostFacts) -> Finding {
    let free = ByteSize::bytes(facts.memory_available_bytes);
    let seen = format!("{free} of {} free, {} cores", ByteSize::bytes(facts.memory_total_bytes), facts.cpu_cores);
    if free < MEMORY_WANTED {
        return Finding::warn("memory", seen, "end what uses it, or run fewer nodes: `throng plan` counts them");
    }
    Finding::ok("memory", seen)
}

pub(super) fn disk(facts: &HostFacts) -> Finding {
    let remedy = "remove what the engine no longer needs: docker system prune";
    match facts.engine_disk_free_bytes.map(ByteSize::bytes) {
        None => Finding::ok("disk", "the engine's free space is unknown"),
        Some(free) if free < DISK_WANTED => Finding::warn("disk", format!("{free} free for the engine"), remedy),
        Some(free) => Finding::ok("disk", format!("{free} free for the engine")),
    }
}

pub(super) fn ports(facts: &HostFacts) -> Finding {
    let pool = Fleet::default().ports;
    let taken: Vec<u16> = pool.iter().filter(|port| facts.listening_ports.contains(*port)).collect();
    let all = pool.count();
    let Some(first) = taken.first() else {
        return Finding::ok("ports", format!("all {all} of {pool} are free"));
    };
    let seen = format!("{} of {all} in {pool} are taken, the first is {first}", taken.len());
    Finding::warn("ports", seen, format!("throng leaves them out; `ss -ltnp 'sport = {first}'` names the holder"))
}
