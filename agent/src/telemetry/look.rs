//! Looks at all processes of the host while somebody waits for it: a look costs two small files a process, too much to be
//! taken every second of every run, and nobody asks who used a host that had enough.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use throng_common::status::{HostSample, NodeStatus, PartyUse};

use super::parties::{Accounts, NodeMarks, is_container_shim, uses};
use crate::host::procs::table::Procs;

/// From this share of time on in which somebody waited for a CPU, memory or a disk, it is asked who used them.
const STALLED_MIN: f64 = 0.1;
/// Where the kernel does not tell: from this share of busy cores on.
const BUSY_MIN: f64 = 0.8;
/// A look is not taken before so many times the CPU time of the last one: looking must not become pressure of its own.
const PAUSE_FACTOR: u32 = 25;

/// Looks, and remembers the look before.
#[derive(Debug)]
pub struct Looker {
    procs: Procs,
    cores: f64,
    last_sample: Option<HostSample>,
    last: Option<Look>,
}

#[derive(Debug)]
struct Look {
    at: Instant,
    cost: Duration,
    accounts: Accounts,
}

impl Looker {
    /// One that has not looked yet.
    pub fn new(procs: Procs) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { procs, cores: f64::from(u32::try_from(cores).unwrap_or(u32::MAX)), last_sample: None, last: None }
    }

    /// Who used the host since the last look; nobody is named where there was none, or no reason to look.
    pub fn look(&mut self, sample: &HostSample, nodes: &[NodeStatus], nodes_cpu_cores: f64) -> Vec<PartyUse> {
        let pressed = match &self.last_sample {
            Some(last) => is_pressed(last, sample, self.cores),
            None => was_pressed(sample),
        };
        self.last_sample = Some(HostSample { uses: Vec::new(), ..sample.clone() });
        if !pressed {
            self.last = None;
            return Vec::new();
        }
        if self.last.as_ref().is_some_and(|last| last.at.elapsed() < last.cost * PAUSE_FACTOR) {
            return Vec::new();
        }
        let (at, cpu_before) = (Instant::now(), cpu_time());
        let accounts = self.accounts();
        let found = self.last.as_ref().map_or_else(Vec::new, |last| {
            let marks = self.marks(&accounts, nodes);
            uses((&last.accounts, &accounts), &marks, at - last.at, nodes_cpu_cores)
        });
        self.last = Some(Look { at, cost: cpu_time().saturating_sub(cpu_before), accounts });
        found
    }

    fn accounts(&self) -> Accounts {
        // A process that ends meanwhile is no longer there to be accounted for.
        let pids = self.procs.pids().unwrap_or_default();
        pids.into_iter().filter_map(|pid| Some((pid, self.procs.account(pid).ok()?))).collect()
    }

    /// Commands that the engine runs in containers have the container's shim for a parent, and only their control group
    /// tells whose container it is.
    fn marks(&self, accounts: &Accounts, nodes: &[NodeStatus]) -> NodeMarks {
        let pids: BTreeSet<u32> = nodes.iter().filter_map(|node| node.pid).collect();
        let containers: Vec<&str> = nodes.iter().filter_map(|node| node.container_id.as_deref()).collect();
        let in_shim = accounts.iter().filter(|(_, account)| is_container_shim(account.stat.parent, accounts));
        let is_ours = |pid: &u32| {
            let groups = self.procs.cgroups(*pid).unwrap_or_default();
            containers.iter().any(|container| groups.contains(container))
        };
        let unknown = in_shim.map(|(pid, _)| *pid).filter(|pid| !pids.contains(pid));
        let commands = unknown.filter(is_ours).collect();
        NodeMarks { pids, commands }
    }
}

/// CPU time of this thread. On a host that is waited for a look takes long, and costs no more than otherwise.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

/// Whether somebody waited for this host in the seconds before the first sample.
fn was_pressed(sample: &HostSample) -> bool {
    let percent = [sample.psi_cpu_some_percent, sample.psi_memory_some_percent, sample.psi_io_some_percent];
    percent.into_iter().flatten().any(|percent| percent / 100.0 >= STALLED_MIN)
}

/// Whether somebody waited for this host between two samples.
fn is_pressed(before: &HostSample, after: &HostSample, cores: f64) -> bool {
    let took = after.uptime.saturating_sub(before.uptime);
    let share = |pick: fn(&HostSample) -> Option<Duration>| {
        let stalled = pick(after)?.saturating_sub(pick(before)?);
        Some(stalled.as_secs_f64() / took.as_secs_f64().max(f64::MIN_POSITIVE))
    };
    let cpu = share(|sample| sample.psi_cpu_stalled);
    let others = [share(|sample| sample.psi_memory_stalled), share(|sample| sample.psi_io_stalled)];
    let stalled = [cpu].into_iter().chain(others).flatten().any(|share| share >= STALLED_MIN);
    stalled || (cpu.is_none() && after.cpu_busy_cores >= cores * BUSY_MIN)
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use throng_common::status::Party;

    use super::*;

    /// Ends it whatever the test came to.
    struct Busy(Child);

    impl Drop for Busy {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn sample(second: u64, stalled_millis: u64) -> HostSample {
        HostSample {
            uptime: Duration::from_secs(second),
            psi_cpu_stalled: Some(Duration::from_millis(stalled_millis)),
            ..HostSample::default()
        }
    }

    #[test]
    fn nobody_is_looked_for_while_nobody_waits() {
        let mut looker = Looker::new(Procs::default());
        for second in 1..5 {
            assert_eq!(looker.look(&sample(second, second * 50), &[], 0.0), []);
            assert!(looker.last.is_none());
        }
    }

    #[test]
    fn whoever_keeps_a_core_busy_is_found_with_name_and_id() {
        let mut looker = Looker::new(Procs::default());
        looker.look(&sample(1, 0), &[], 0.0);
        looker.look(&sample(2, 900), &[], 0.0);
        let busy = Busy(Command::new("sh").args(["-c", "while :; do :; done"]).stdin(Stdio::null()).spawn().unwrap());
        std::thread::sleep(Duration::from_millis(300));
        let pause = looker.last.as_ref().unwrap().cost * PAUSE_FACTOR;
        std::thread::sleep(pause);
        // It is a child of this very process: what that has begun is somebody else's, too.
        let found = looker.look(&sample(3, 1_800), &[], 0.0);
        let others = found.iter().find(|used| used.party == Party::Others).unwrap();
        assert!(others.cpu_cores > 0.05, "{found:?}");
        let account = Procs::default().account(busy.0.id()).unwrap();
        assert_eq!(account.name, "sh");
    }

    #[test]
    fn a_host_that_is_waited_for_from_the_beginning_is_looked_at_from_the_beginning() {
        let mut looker = Looker::new(Procs::default());
        looker.look(&HostSample { psi_cpu_some_percent: Some(80.0), ..sample(1, 0) }, &[], 0.0);
        assert!(looker.last.is_some());
    }

    #[test]
    fn a_look_that_cost_much_is_not_repeated_at_once() {
        let mut looker = Looker::new(Procs::default());
        looker.look(&sample(1, 0), &[], 0.0);
        looker.look(&sample(2, 900), &[], 0.0);
        looker.last.as_mut().unwrap().cost = Duration::from_secs(60);
        assert_eq!(looker.look(&sample(3, 1_800), &[], 0.0), []);
    }
}
