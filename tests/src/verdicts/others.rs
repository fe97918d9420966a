//! Who else is at work on this machine: a look of the harness's own.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

/// Programs of throng and the engine, by the beginning of their names.
const OURS: [&str; 7] = ["throng", "dockerd", "containerd", "runc", "verdicts", "setsid", "timeout"];
/// The kernel's clock ticks a second, as every Linux of these machines has it.
const TICKS_PER_SECOND: f64 = 100.0;

/// What others' processes have used, by id and start.
#[derive(Debug)]
pub(super) struct Others {
    at: Instant,
    ticks: BTreeMap<(u32, u64), u64>,
}

impl Others {
    /// A look at all processes but throng's, the engine's, those in containers, and those of these sessions.
    pub(super) fn look(sessions: &[u32]) -> Self {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        Self { at: Instant::now(), ticks: pids.filter_map(|pid| of_other(pid, sessions)).collect() }
    }

    /// Cores that they used since an earlier look. What ended meanwhile is missing.
    pub(super) fn cores_since(&self, before: &Self) -> f64 {
        let since =
            |(key, ticks): (&(u32, u64), &u64)| ticks.saturating_sub(before.ticks.get(key).copied().unwrap_or(0));
        let used: u64 = self.ticks.iter().map(since).sum();
        let seconds = self.at.duration_since(before.at).as_secs_f64();
        f64::from(u32::try_from(used).unwrap_or(u32::MAX)) / TICKS_PER_SECOND / seconds
    }
}

fn of_other(pid: u32, sessions: &[u32]) -> Option<((u32, u64), u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (before, after) = stat.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let (parent, session) = (number(4)?, u32::try_from(number(6)?).ok()?);
    let is_kernel = parent == 2 || pid == 2;
    if is_kernel || sessions.contains(&session) || OURS.iter().any(|ours| name.starts_with(ours)) {
        return None;
    }
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    (!groups.contains("docker")).then_some(((pid, number(22)?), number(14)? + number(15)?))
}

/// Waits until others use less than this, for a while; how much they use at last.
pub(super) fn wait_for_calm(cores_max: f64, within: Duration) -> f64 {
    let deadline = Instant::now() + within;
    loop {
        let before = Others::look(&[]);
        std::thread::sleep(Duration::from_secs(1));
        let cores = Others::look(&[]).cores_since(&before);
        if cores < cores_max || Instant::now() > deadline {
            return cores;
        }
    }
}
