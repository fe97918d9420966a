//! The most that the nodes of each role used. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use throng_common::ids::{NodeName, RoleName};
use throng_common::status::{NodeSample, UnixMillis};

/// The most that a node of a role was seen to use, each figure by whichever node used most of it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct RoleUse {
    /// Anonymous memory and ramdisk together: what counts against its limit.
    pub(crate) memory_bytes: u64,
    /// Anonymous memory.
    pub(crate) anonymous_bytes: u64,
    /// Pages of its ramdisks.
    pub(crate) ramdisk_bytes: u64,
    /// Kernel memory; none where the kernel does not say.
    pub(crate) kernel_bytes: Option<u64>,
    /// Cores.
    pub(crate) cpu_cores: f64,
    /// How long it waited because of its CPU limit, all in all.
    pub(crate) throttled: Duration,
    /// Processes that the kernel killed for memory, of all nodes together.
    pub(crate) oom_kills: u64,
    /// CPU time that a start took until the node was ready, the median of those that were watched; none where none was.
    pub(crate) start_cpu: Option<Duration>,
}

/// What is known of all nodes of a cluster.
#[derive(Debug, Default)]
pub(super) struct RoleUses {
    roles: BTreeMap<RoleName, RoleUse>,
    nodes: BTreeMap<NodeName, Tracked>,
    /// Nodes that became ready, and of which no sample of after that came in yet.
    fresh: BTreeMap<NodeName, UnixMillis>,
    /// By role, the CPU time of each start.
    starts: BTreeMap<RoleName, Vec<Duration>>,
}

#[derive(Debug)]
struct Tracked {
    last: NodeSample,
    throttled: Duration,
}

impl RoleUses {
    /// Takes a sample in.
    pub(super) fn push(&mut self, sample: &NodeSample) {
        let of_role = self.roles.entry(sample.node.role().clone()).or_default();
        of_role.memory_bytes = of_role.memory_bytes.max(sample.anonymous_bytes + sample.ramdisk_bytes);
        of_role.anonymous_bytes = of_role.anonymous_bytes.max(sample.anonymous_bytes);
        of_role.ramdisk_bytes = of_role.ramdisk_bytes.max(sample.ramdisk_bytes);
        of_role.kernel_bytes = of_role.kernel_bytes.max(sample.kernel_bytes);
        if self.fresh.get(&sample.node).is_some_and(|ready_at| sample.at >= *ready_at) {
            self.fresh.remove(&sample.node);
            let started = self.starts.entry(sample.node.role().clone()).or_default();
            // Its counter began with it.
            started.push(Duration::from_micros(sample.cpu_usage_micros));
        }
        let Some(tracked) = self.nodes.get_mut(&sample.node) else {
            self.nodes.insert(sample.node.clone(), Tracked { last: sample.clone(), throttled: Duration::ZERO });
            return;
        };
        of_role.cpu_cores = of_role.cpu_cores.max(cores(&tracked.last, sample));
        of_role.oom_kills += grown(&tracked.last, sample, |sample| sample.oom_kills);
        tracked.throttled += Duration::from_micros(grown(&tracked.last, sample, |sample| sample.throttled_micros));
        of_role.throttled = of_role.throttled.max(tracked.throttled);
        tracked.last = sample.clone();
    }

    /// A node that was watched while it started is ready: its next sample, a second later at the most, tells what that took.
    pub(super) fn ready(&mut self, node: &NodeName, at: UnixMillis) {
        self.fresh.insert(node.clone(), at);
    }

    /// The role's figures, where a node of it was sampled.
    pub(super) fn of(&self, role: &RoleName) -> Option<RoleUse> {
        let start_cpu = self.starts.get(role).and_then(|starts| {
            let mut starts = starts.clone();
            starts.sort();
            let (low, high) = (starts.get(starts.len().saturating_sub(1) / 2)?, starts.get(starts.len() / 2)?);
            Some((*low + *high) / 2)
        });
        self.roles.get(role).map(|used| RoleUse { start_cpu, ..*used })
    }
}

/// By how much a counter grew. One that is smaller than before began anew, with another start of the node.
pub(super) fn grown(before: &NodeSample, after: &NodeSample, pick: fn(&NodeSample) -> u64) -> u64 {
    if pick(after) < pick(before) { pick(after) } else { pick(after) - pick(before) }
}

/// Cores that a node used from one sample to the next.
pub(super) fn cores(before: &NodeSample, after: &NodeSample) -> f64 {
    let took = UnixMillis::since(after.at, before.at);
    let used = Duration::from_micros(grown(before, after, |sample| sample.cpu_usage_micros));
    if took.is_zero() { 0.0 } else { used.as_secs_f64() / took.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(node: &str, at: u64, throttled_micros: u64, oom_kills: u64) -> NodeSample {
        NodeSample {
            cluster: "c-x7k2".parse().unwrap(),
            node: node.parse().unwrap(),
            at: UnixMillis(at),
            cpu_usage_micros: at * 500,
            throttled_micros,
            anonymous_bytes: 10,
            ramdisk_bytes: 0,
            kernel_bytes: None,
            oom_kills,
        }
    }

    #[test]
    fn the_peak_of_memory_is_what_one_node_had_at_one_time() {
        let mut uses = RoleUses::default();
        let (full, busy) = (sample("worker-0000", 0, 0, 0), sample("worker-0001", 0, 0, 0));
        uses.push(&NodeSample { ramdisk_bytes: 50, ..full });
        uses.push(&NodeSample { anonymous_bytes: 40, kernel_bytes: Some(3), ..busy });
        let of = uses.of(&"worker".parse().unwrap()).unwrap();
        assert_eq!((of.memory_bytes, of.anonymous_bytes, of.ramdisk_bytes, of.kernel_bytes), (60, 40, 50, Some(3)));
    }

    #[test]
    fn what_a_start_took_is_told_by_the_first_sample_of_after_it() {
        let mut uses = RoleUses::default();
        let role = "worker".parse().unwrap();
        for (node, ready_at) in [("worker-0000", 2_500), ("worker-0001", 3_000), ("worker-0002", 900)] {
            uses.push(&sample(node, 1_000, 0, 0));
            uses.ready(&node.parse().unwrap(), UnixMillis(ready_at));
            for at in [2_000, 3_000, 4_000] {
                uses.push(&sample(node, at, 0, 0));
            }
        }
        assert_eq!(uses.of(&role).unwrap().start_cpu, Some(Duration::from_millis(1_500)), "of 1.5, 1.5 and 1 s");
    }

    #[test]
    fn counters_go_on_over_a_restart_and_what_was_before_the_run_does_not_count() {
        let mut uses = RoleUses::default();
        for (at, throttled, kills) in [(0, 900, 5), (1_000, 1_000, 5), (2_000, 30, 1), (3_000, 40, 1)] {
            uses.push(&sample("worker-0000", at, throttled, kills));
        }
        let of = uses.of(&"worker".parse().unwrap()).unwrap();
        assert_eq!((of.throttled, of.oom_kills), (Duration::from_micros(140), 1));
        assert!((of.cpu_cores - 0.5).abs() < 1e-9, "{of:?}");
    }
}
