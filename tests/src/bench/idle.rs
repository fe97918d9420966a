//! Daemons with nothing to do, read from /proc: what they hold, what they take, whether they write.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use super::benchmark::Benchmark::Idle;
use super::ours::Daemon;
use super::run::Bench;

/// What the agent may hold with no node, with a hundred of them at the most, and with more, in MB.
const AGENT_EMPTY_MB: f64 = 10.0;
const AGENT_HUNDRED_MB: f64 = 20.0;
const AGENT_MORE_MB: f64 = 40.0;
const HUNDRED: usize = 100;
/// What the agent may take of a core with a hundred nodes, in percent.
const AGENT_CPU_PERCENT: f64 = 0.2;
/// Clock ticks of a second, as the kernel counts them for programs.
const TICKS: f64 = 100.0;
/// After a change, what it left to be done is done by then.
const CALM: Duration = Duration::from_secs(15);

/// What a process has used so far.
#[derive(Debug, Clone, Default)]
struct Used {
    cpu_seconds: f64,
    written_bytes: f64,
    writes: f64,
    /// By thread: those that have ended take their count with them.
    wake_ups: BTreeMap<String, f64>,
}

/// Measures it, with no node and with all.
pub(super) fn measure(bench: &mut Bench<'_>) {
    watch(bench, "0 nodes", AGENT_EMPTY_MB, None);
    let _ = bench.ours.up();
    bench.ours.expect_up();
    let nodes = bench.options.nodes;
    let is_hundred = nodes <= HUNDRED;
    let memory = if is_hundred { AGENT_HUNDRED_MB } else { AGENT_MORE_MB };
    watch(bench, &format!("{nodes} nodes"), memory, is_hundred.then_some(AGENT_CPU_PERCENT));
    let _ = bench.ours.down();
    bench.ours.expect_gone();
}

fn watch(bench: &mut Bench<'_>, with: &str, agent_mb: f64, agent_cpu: Option<f64>) {
    let daemons = [(Daemon::Agent, "agent"), (Daemon::Coordinator, "coordinator")];
    let pids = daemons.map(|(daemon, name)| (bench.ours.pid(daemon), name));
    std::thread::sleep(CALM.min(bench.options.idle));
    let began = Instant::now();
    let before = pids.map(|(pid, _)| used(pid));
    std::thread::sleep(bench.options.idle);
    let seconds = began.elapsed().as_secs_f64();
    for ((pid, name), before) in pids.into_iter().zip(before) {
        let after = used(pid);
        let side = format!("{name}, {with}");
        let is_agent = name == "agent";
        let agents = |target: Option<f64>| target.filter(|_| is_agent);
        let journal = &mut bench.journal;
        let mut tell = |metric: &str, value: f64, unit, target| {
            journal.sample(Idle, (&side, metric), 0, value);
            journal.bound(Idle, (&side, metric), unit, target);
        };
        let (resident, own) = memory_mb(pid);
        tell("resident", resident, "MB", agents(Some(agent_mb)));
        tell("of that its own", own, "MB", None);
        let cpu = (after.cpu_seconds - before.cpu_seconds) / seconds * 100.0;
        tell("of a core", cpu, "%", agents(agent_cpu));
        tell("written to disk", after.written_bytes - before.written_bytes, "B", agents(Some(0.0)));
        tell("write calls", (after.writes - before.writes) / seconds, "/s", None);
        let both = after.wake_ups.iter().filter_map(|(thread, count)| Some(count - before.wake_ups.get(thread)?));
        tell("wake-ups", both.sum::<f64>() / seconds, "/s", None);
    }
}

/// Resident memory, and what of it is no page of a file, in MB of 1000 kB.
pub(super) fn memory_mb(pid: i32) -> (f64, f64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kb = |key: &str| number(&status, key) * 1024.0 / 1e6;
    (kb("VmRSS:"), kb("RssAnon:"))
}

fn used(pid: i32) -> Used {
    let read = |path: String| fs::read_to_string(path).unwrap_or_default();
    let io = read(format!("/proc/{pid}/io"));
    // Of all its threads, also of those that have ended: fields 14 and 15, of which the name before may hold anything.
    let stat = read(format!("/proc/{pid}/stat"));
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    let mut used = Used {
        cpu_seconds: ticks / TICKS,
        written_bytes: number(&io, "write_bytes:"),
        writes: number(&io, "syscw:"),
        wake_ups: BTreeMap::new(),
    };
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let task = task.path().display().to_string();
        let count = number(&read(format!("{task}/status")), "voluntary_ctxt_switches:");
        used.wake_ups.insert(task, count);
    }
    used
}

/// The number after a key at the beginning of a line.
fn number(text: &str, key: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
