//! Puts an exceeded limit into words: the sum that does not fit, and what a person can change.

use throng_common::size::ByteSize;
use throng_common::sysctl_keys::NR_OPEN;

use super::arithmetic::{exceeds, words};
use super::assess::Assessor;
use super::gauge::Gauge;
use super::limit::LimitName;
use super::needs::RoleNeeds;
use super::refusal::Problem;
use super::search::BreaksAt;

/// The problem of an exceeded limit. `breaks` says how many nodes would fit, `squeezed` is the role for whose ports there was no room.
pub(super) fn over_limit(
    assessor: &Assessor<'_>,
    breaks: &BreaksAt,
    gauge: &Gauge,
    squeezed: Option<usize>,
) -> Problem {
    let fits = breaks.get(&gauge.name).map_or(0, |broken| broken.saturating_sub(1));
    let arithmetic = match squeezed {
        Some(role) if !gauge.is_exceeded() => no_block(gauge, &assessor.needs[role]),
        _ => exceeds(&gauge.terms, gauge.unit, gauge.reach),
    };
    let mut ways: Vec<String> = Vec::new();
    let largest = &assessor.needs[assessor.largest];
    if fits > 0 {
        ways.push(format!("lower role.{}.count to {fits}", largest.name));
    }
    ways.extend(other_ways(assessor, gauge, largest));
    Problem::OverLimit {
        limit: gauge.name.clone(),
        host: assessor.host_id(gauge.host),
        used: gauge.used(),
        bound: gauge.reach,
        fits,
        arithmetic: format!("{arithmetic} ({})", gauge.why),
        remedy: ways.join(", or "),
    }
}

/// The sum fits, and yet no block lies free in one piece.
fn no_block(gauge: &Gauge, need: &RoleNeeds<'_>) -> String {
    let derived = if need.layout.derived().next().is_some() { " with the ports derived from it" } else { "" };
    format!(
        "{} = {} ports of {} free ones, but no free block of {}{derived} is left for every {}",
        words(&gauge.terms, gauge.unit),
        gauge.used(),
        gauge.reach,
        need.layout.block,
        need.name
    )
}

/// What can be changed besides the count.
fn other_ways(assessor: &Assessor<'_>, gauge: &Gauge, largest: &RoleNeeds<'_>) -> Vec<String> {
    let role = largest.name;
    let raise = |key: &str| {
        let tuning = &assessor.scenario.tuning;
        if tuning.sysctl.contains_key(key) {
            format!("raise or remove {key} in [tuning] sysctl")
        } else {
            format!("leave {key} to [tuning] profile = \"auto\"")
        }
    };
    let tunable = |key: &str| if gauge.reach < u64::MAX { vec![raise(key)] } else { Vec::new() };
    match &gauge.name {
        LimitName::Memory => {
            let mut ways: Vec<String> = smaller_memory(gauge, largest).into_iter().collect();
            ways.push("take a host with more memory".to_owned());
            ways
        }
        LimitName::Ports => {
            let range = assessor.scenario.fleet.ports;
            if assessor.hosts[gauge.host].pool.count() < range.count() {
                vec![format!("keep fleet.ports (now {range}) out of net.ipv4.ip_local_port_range")]
            } else {
                vec![format!("widen fleet.ports (now {range})")]
            }
        }
        LimitName::PidMax => [tunable("kernel.pid_max"), vec![format!("lower role.{role}.pids")]].concat(),
        LimitName::ThreadsMax => [tunable("kernel.threads-max"), vec![format!("lower role.{role}.pids")]].concat(),
        LimitName::NodeFiles(of) => {
            let raise = if gauge.why.starts_with(NR_OPEN) {
                tunable(NR_OPEN)
            } else {
                vec!["raise that hard limit (LimitNOFILE of its service)".to_owned()]
            };
            [vec![format!("lower role.{of}.nofile to {}", gauge.reach)], raise].concat()
        }
        LimitName::EngineFiles => vec!["raise the engine's limit (LimitNOFILE of its service)".to_owned()],
        LimitName::FileMax => tunable("fs.file-max"),
        LimitName::Inotify => tunable("fs.inotify.max_user_instances"),
        LimitName::Keyrings => tunable("kernel.keys.root_maxkeys"),
        LimitName::Mounts => tunable("fs.mount-max"),
        LimitName::Namespaces => tunable(&gauge.why),
        LimitName::Maps => tunable("vm.max_map_count"),
        LimitName::Neighbours => tunable("net.ipv4.neigh.default.gc_thresh3"),
        LimitName::Followed => tunable("net.netfilter.nf_conntrack_max"),
    }
}

/// The memory with which all nodes of the largest role would fit, where its ramdisks leave room for it.
fn smaller_memory(gauge: &Gauge, largest: &RoleNeeds<'_>) -> Option<String> {
    let term = gauge.terms.iter().find(|term| term.count.is_some() && term.what == largest.name.as_str())?;
    let rest = gauge.used().checked_sub(term.amount())?;
    let each = ByteSize::bytes(gauge.reach.checked_sub(rest)? / term.count?.max(1));
    let whole = ByteSize::mib(each.as_bytes() >> 20);
    let ramdisks: ByteSize = largest.role.ramdisk.values().map(|ramdisk| ramdisk.size).sum();
    (whole > ramdisks).then(|| format!("lower role.{}.memory to {}", largest.name, String::from(whole)))
}
