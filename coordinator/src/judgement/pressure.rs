//! What a host suffered from in a stretch of time, and who made it. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use throng_common::ids::NodeName;
use throng_common::status::{Party, PartyUse, TopProcess};

use super::thresholds::{
    CLOCK_STEP_MIN, CPU_BUSY_SHARE_MIN, CPU_STALLED_MIN_PERCENT, DISK_LEFT_MAX_BYTES, IO_STALLED_MIN_PERCENT, LATE_MIN,
    MARGIN, MEMORY_LEFT_SHARE_MAX, MEMORY_STALLED_MIN_PERCENT, PRESSED_SHARE_MIN, STOLEN_SHARE_MIN,
    THROTTLED_SHARE_MIN,
};
use super::witness::{HostWitness, Second, TroubleKind, Window};
use crate::report::load::LoadSample;

/// Something that a host, or its nodes, suffered from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finding {
    /// What.
    pub(super) what: What,
    /// Who made it.
    pub(super) maker: Maker,
    /// For how long, within the window; for something that happened in a moment, nothing.
    pub(super) lasted: Duration,
}

/// Who made a pressure. What engine and throng use they use for the nodes: it counts for theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    /// The nodes.
    Nodes,
    /// Somebody else.
    Others,
    /// Nobody looked. It is no excuse as good as that of others: the nodes may have made it.
    Unknown,
}

/// What a host can suffer from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// No CPU was free, and somebody waited.
    Cpu(Shares),
    /// The hypervisor took cores away.
    Stolen {
        /// How many.
        cores: f64,
    },
    /// The agent's ticker came late.
    Late {
        /// The latest tick.
        latest: Duration,
    },
    /// Memory was short, and somebody waited.
    Memory(Shares),
    /// Somebody waited for disks.
    Io(Shares),
    /// The kernel killed for memory what was no node.
    OomKill {
        /// How many processes.
        count: u64,
    },
    /// A disk was full.
    DiskFull {
        /// What was left.
        left_bytes: u64,
    },
    /// The clock was set.
    ClockStep {
        /// By so many milliseconds.
        millis: i64,
    },
    /// The engine did not answer.
    EngineLost(String),
    /// The agent was away.
    Away,
    /// Nodes waited because of their own CPU limits.
    Throttled {
        /// How many of those that failed.
        count: usize,
    },
}

/// Who used how much of something, in cores, bytes, or bytes a second.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Shares {
    /// All that was used.
    pub(super) used: f64,
    /// By the nodes.
    pub(super) nodes: f64,
    /// By others; none: nobody looked.
    pub(super) others: Option<f64>,
    /// The process of others that used most.
    pub(super) top: Option<TopProcess>,
    /// Percent of the time in which somebody waited.
    pub(super) stalled_percent: f64,
}

impl Shares {
    /// Others made a pressure that used more of what is short than everybody whose work is the nodes'.
    fn maker(&self) -> Maker {
        match self.others {
            Some(others) if others > self.used - others => Maker::Others,
            None if self.nodes < self.used - self.nodes => Maker::Unknown,
            Some(_) | None => Maker::Nodes,
        }
    }
}

/// All that a host and these nodes of it suffered from in this window, and that may explain a lateness.
pub(super) fn findings(host: &HostWitness, nodes: &BTreeSet<NodeName>, window: Window) -> Vec<Finding> {
    let wide = window.with_margin(MARGIN);
    let seconds: Vec<&Second> = host.seconds.iter().filter(|second| !second.window().overlap(wide).is_zero()).collect();
    let mut found = troubles(host, wide);
    found.extend(moments(host, &seconds));
    found.extend(cpu(host, &seconds, wide));
    found.extend(stolen(host, &seconds, wide));
    found.extend(memory(host, &seconds, wide));
    found.extend(io(&seconds, wide));
    found.extend(late(host, &seconds, wide));
    found.extend(throttled(nodes, &seconds, window));
    found
}

/// Whether something lasted long enough to explain anything.
fn is_long(lasted: Duration, window: Window) -> bool {
    !lasted.is_zero() && lasted.as_secs_f64() >= window.length().as_secs_f64() * PRESSED_SHARE_MIN
}

/// The seconds that are so, with how much of the window they fill, if that is long enough.
fn pressed<'a>(
    seconds: &[&'a Second],
    window: Window,
    is_so: impl Fn(&LoadSample) -> bool,
) -> Option<(Vec<&'a LoadSample>, Duration)> {
    let so: Vec<&Second> = seconds.iter().copied().filter(|second| is_so(&second.load)).collect();
    let lasted = so.iter().map(|second| second.window().overlap(window)).sum();
    is_long(lasted, window).then(|| (so.into_iter().map(|second| &second.load).collect(), lasted))
}

fn troubles(host: &HostWitness, window: Window) -> Vec<Finding> {
    let finding = |trouble: &super::witness::Trouble| {
        let lasted = trouble.window(window.to).overlap(window);
        let what = match &trouble.kind {
            TroubleKind::EngineLost(why) => What::EngineLost(why.clone()),
            TroubleKind::Away => What::Away,
        };
        is_long(lasted, window).then_some(Finding { what, maker: Maker::Others, lasted })
    };
    host.troubles.iter().filter_map(finding).collect()
}

/// What happens in a moment and has its effect for longer.
fn moments(host: &HostWitness, seconds: &[&Second]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |what, maker| found.push(Finding { what, maker, lasted: Duration::ZERO });
    let loads = || seconds.iter().map(|second| &second.load);
    let count: u64 = seconds.iter().map(|second| second.load.oom_kills.saturating_sub(second.node_oom_kills)).sum();
    if count > 0 {
        // Whoever holds most of what is in use has the kernel look for somebody to kill.
        let in_use = |load: &LoadSample| host.memory_bytes.saturating_sub(load.memory_available_bytes);
        let of_nodes = loads().any(|load| load.oom_kills > 0 && load.nodes_memory_bytes > in_use(load) / 2);
        add(What::OomKill { count }, if of_nodes { Maker::Nodes } else { Maker::Others });
    }
    if let Some(left_bytes) = loads().map(|load| load.disk_free_bytes).min().filter(|left| *left < DISK_LEFT_MAX_BYTES)
    {
        let written = |party| loads().filter_map(|load| io_of(load, party)).sum::<f64>();
        let by_nodes = written(Party::Nodes) > written(Party::Others);
        add(What::DiskFull { left_bytes }, if by_nodes { Maker::Nodes } else { Maker::Others });
    }
    let step = loads().map(|load| load.clock_step_millis).max_by_key(|step| step.unsigned_abs());
    if let Some(millis) = step.filter(|step| Duration::from_millis(step.unsigned_abs()) >= CLOCK_STEP_MIN) {
        add(What::ClockStep { millis }, Maker::Others);
    }
    found
}

fn cpu(host: &HostWitness, seconds: &[&Second], window: Window) -> Option<Finding> {
    let (loads, lasted) = pressed(seconds, window, |load| {
        let full = load.cpu_busy_cores + load.cpu_stolen_cores >= host.cores * CPU_BUSY_SHARE_MIN;
        full && load.cpu_stalled_percent.is_none_or(|stalled| stalled >= CPU_STALLED_MIN_PERCENT)
    })?;
    let others: Vec<f64> = loads.iter().filter_map(|load| Some(of(load, Party::Others)?.cpu_cores)).collect();
    let looked: Vec<&LoadSample> = loads.iter().copied().filter(|load| !load.uses.is_empty()).collect();
    // Who used how much is compared only where it was looked for.
    let compared = if looked.is_empty() { &loads } else { &looked };
    let shares = Shares {
        used: mean(compared.iter().map(|load| load.cpu_busy_cores)),
        nodes: mean(compared.iter().map(|load| load.nodes_cpu_cores)),
        others: (!others.is_empty()).then(|| mean(others.iter().copied())),
        top: top(&looked, |used| used.cpu_cores, |used| used.top.cpu.clone()),
        stalled_percent: mean(loads.iter().filter_map(|load| load.cpu_stalled_percent)),
    };
    Some(Finding { maker: shares.maker(), what: What::Cpu(shares), lasted })
}

fn stolen(host: &HostWitness, seconds: &[&Second], window: Window) -> Option<Finding> {
    let is_stolen = |load: &LoadSample| load.cpu_stolen_cores >= host.cores * STOLEN_SHARE_MIN;
    let (loads, lasted) = pressed(seconds, window, is_stolen)?;
    let cores = mean(loads.iter().map(|load| load.cpu_stolen_cores));
    Some(Finding { what: What::Stolen { cores }, maker: Maker::Others, lasted })
}

#[expect(clippy::cast_precision_loss, reason = "bytes to be compared and shown")]
fn memory(host: &HostWitness, seconds: &[&Second], window: Window) -> Option<Finding> {
    let total = host.memory_bytes as f64;
    let (loads, lasted) = pressed(seconds, window, |load| {
        let is_low = (load.memory_available_bytes as f64) < total * MEMORY_LEFT_SHARE_MAX;
        is_low && load.memory_stalled_percent.is_some_and(|stalled| stalled >= MEMORY_STALLED_MIN_PERCENT)
    })?;
    let used = mean(loads.iter().map(|load| total - load.memory_available_bytes as f64));
    let nodes = mean(loads.iter().map(|load| load.nodes_memory_bytes as f64));
    let ours = |load: &LoadSample| {
        [Party::Engine, Party::Throng]
            .iter()
            .filter_map(|party| Some(of(load, *party)?.memory_bytes as f64))
            .sum::<f64>()
    };
    let looked: Vec<&LoadSample> = loads.iter().copied().filter(|load| !load.uses.is_empty()).collect();
    // What is nobody else's is others': pages that programs share make their own figures too large.
    let others = (!looked.is_empty()).then(|| (used - nodes - mean(looked.iter().map(|load| ours(load)))).max(0.0));
    let top = top(&looked, |used| used.memory_bytes as f64, |used| used.top.memory.clone());
    let stalled_percent = mean(loads.iter().filter_map(|load| load.memory_stalled_percent));
    let shares = Shares { used, nodes, others, top, stalled_percent };
    Some(Finding { maker: shares.maker(), what: What::Memory(shares), lasted })
}

fn io(seconds: &[&Second], window: Window) -> Option<Finding> {
    let is_stalled =
        |load: &LoadSample| load.io_stalled_percent.is_some_and(|stalled| stalled >= IO_STALLED_MIN_PERCENT);
    let (loads, lasted) = pressed(seconds, window, is_stalled)?;
    let looked: Vec<&LoadSample> = loads.iter().copied().filter(|load| !load.uses.is_empty()).collect();
    let by = |party: Party| mean(looked.iter().filter_map(|load| io_of(load, party)));
    let shares = Shares {
        used: Party::ALL.into_iter().map(by).sum(),
        nodes: by(Party::Nodes),
        others: (!looked.is_empty()).then(|| by(Party::Others)),
        top: top(&looked, io_rate, |used| used.top.io.clone()),
        stalled_percent: mean(loads.iter().filter_map(|load| load.io_stalled_percent)),
    };
    Some(Finding { maker: shares.maker(), what: What::Io(shares), lasted })
}

fn late(host: &HostWitness, seconds: &[&Second], window: Window) -> Option<Finding> {
    let lateness = |load: &LoadSample| load.late_millis.map(Duration::from_millis).unwrap_or_default();
    let (loads, lasted) = pressed(seconds, window, |load| lateness(load) >= LATE_MIN)?;
    let latest = loads.iter().map(|load| lateness(load)).max().unwrap_or_default();
    // A host whose nodes had most of its cores has them to thank for it.
    let nodes = mean(loads.iter().map(|load| load.nodes_cpu_cores));
    let maker = if nodes >= host.cores / 2.0 { Maker::Nodes } else { Maker::Others };
    Some(Finding { what: What::Late { latest }, maker, lasted })
}

/// Nodes that failed and waited because of a limit that they were given.
fn throttled(nodes: &BTreeSet<NodeName>, seconds: &[&Second], window: Window) -> Option<Finding> {
    let waited = |node: &NodeName| -> Duration { seconds.iter().filter_map(|second| second.throttled.get(node)).sum() };
    let enough = window.length().mul_f64(THROTTLED_SHARE_MIN);
    let long: Vec<Duration> =
        nodes.iter().map(waited).filter(|waited| !waited.is_zero() && *waited >= enough).collect();
    let lasted = *long.iter().max()?;
    Some(Finding { what: What::Throttled { count: long.len() }, maker: Maker::Nodes, lasted })
}

fn of(load: &LoadSample, party: Party) -> Option<&PartyUse> {
    load.uses.iter().find(|used| used.party == party)
}

#[expect(clippy::cast_precision_loss, reason = "bytes to be compared and shown")]
fn io_rate(used: &PartyUse) -> f64 {
    used.io_bytes_per_second as f64
}

fn io_of(load: &LoadSample, party: Party) -> Option<f64> {
    of(load, party).map(io_rate)
}

/// The process of others that is named in the second in which others used most.
fn top(
    loads: &[&LoadSample],
    most: impl Fn(&PartyUse) -> f64,
    name: impl Fn(&PartyUse) -> Option<TopProcess>,
) -> Option<TopProcess> {
    let others = loads.iter().filter_map(|load| of(load, Party::Others));
    others.max_by(|one, other| most(one).total_cmp(&most(other))).and_then(name)
}

fn mean(figures: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = figures.fold((0.0, 0.0), |(sum, count), figure| (sum + figure, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}
