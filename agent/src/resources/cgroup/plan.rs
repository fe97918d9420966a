//! What must be written to a group so that it has its limits. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use throng_common::host_spec::Limits;
use throng_common::size::ByteSize;

use super::hierarchy::{Controller, Version};

/// The period in which CPU time is counted, in microseconds: the kernel's own default.
pub const CPU_PERIOD_MICROS: u64 = 100_000;

/// The least CPU quota that the kernel takes, in microseconds a period.
const CPU_QUOTA_LEAST_MICROS: u64 = 1_000;

/// Memory limits are rounded down to pages by the kernel.
const PAGE_BYTES: u64 = 4096;

/// A limit of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Knob {
    /// Memory in bytes.
    Memory,
    /// Swap: in the first version memory and swap together, in the second swap alone; bytes.
    Swap,
    /// CPU time in microseconds a period of [`CPU_PERIOD_MICROS`].
    Cpu,
    /// Processes and threads.
    Pids,
}

impl Knob {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Memory, Self::Swap, Self::Cpu, Self::Pids];

    /// Its name, as scenarios have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Swap => "swap",
            Self::Cpu => "cpu",
            Self::Pids => "pids",
        }
    }

    /// The controller that it belongs to.
    pub fn controller(self) -> Controller {
        match self {
            Self::Memory | Self::Swap => Controller::Memory,
            Self::Cpu => Controller::Cpu,
            Self::Pids => Controller::Pids,
        }
    }

    /// The file that holds it.
    pub fn file(self, version: Version) -> &'static str {
        match (version, self) {
            (Version::V1, Self::Memory) => "memory.limit_in_bytes",
            (Version::V1, Self::Swap) => "memory.memsw.limit_in_bytes",
            (Version::V1, Self::Cpu) => "cpu.cfs_quota_us",
            (Version::V2, Self::Memory) => "memory.max",
            (Version::V2, Self::Swap) => "memory.swap.max",
            (Version::V2, Self::Cpu) => "cpu.max",
            (Version::V1 | Version::V2, Self::Pids) => "pids.max",
        }
    }

    /// The text that the file takes; no value stands for unlimited.
    pub fn text(self, version: Version, value: Option<u64>) -> String {
        match (self, version, value) {
            (Self::Cpu, Version::V2, Some(quota)) => format!("{quota} {CPU_PERIOD_MICROS}"),
            (_, _, Some(value)) => value.to_string(),
            (Self::Cpu, Version::V2, None) => format!("max {CPU_PERIOD_MICROS}"),
            (Self::Pids, _, None) | (Self::Memory | Self::Swap, Version::V2, None) => "max".to_owned(),
            (Self::Cpu | Self::Memory | Self::Swap, Version::V1, None) => "-1".to_owned(),
        }
    }

    /// Reads the file's text; no value stands for unlimited.
    pub fn parse(self, text: &str) -> Option<u64> {
        /// The first version writes "unlimited" as the largest number of whole pages.
        const UNLIMITED_FROM: u64 = 1 << 62;
        let first = text.split_ascii_whitespace().next()?;
        first.parse().ok().filter(|value| *value < UNLIMITED_FROM)
    }
}

/// The limits of a group as they stand: every knob that its host has, with its value or none for unlimited.
pub type Observed = BTreeMap<Knob, Option<u64>>;

/// One write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitWrite {
    /// The limit.
    pub knob: Knob,
    /// Its value; none for unlimited.
    pub value: Option<u64>,
}

/// What is to be done to a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CgroupPlan {
    /// In this order: memory and swap bound each other.
    pub writes: Vec<LimitWrite>,
    /// Limits that are wanted and that this host cannot give.
    pub unavailable: Vec<Knob>,
}

/// Compares what a node may use with what its group allows.
pub fn plan(version: Version, limits: &Limits, observed: &Observed) -> CgroupPlan {
    let desired = desired(version, limits);
    let mut writes = Vec::new();
    let mut unavailable = Vec::new();
    for knob in order(&desired, observed) {
        let want = desired.get(&knob).copied().flatten();
        match observed.get(&knob) {
            Some(current) if *current != want => writes.push(LimitWrite { knob, value: want }),
            // A host without swap accounting has no swap file: memory alone bounds the node as well as it can be.
            None if want.is_some() && knob != Knob::Swap => unavailable.push(knob),
            Some(_) | None => {}
        }
    }
    CgroupPlan { writes, unavailable }
}

/// The limits that are asked for.
pub fn wanted(limits: &Limits) -> BTreeSet<Knob> {
    let asked = |(knob, value): (Knob, Option<u64>)| value.map(|_| knob);
    desired(Version::V2, limits).into_iter().filter(|(knob, _)| *knob != Knob::Swap).filter_map(asked).collect()
}

fn desired(version: Version, limits: &Limits) -> Observed {
    let memory = limits.memory.map(ByteSize::as_bytes).map(|bytes| bytes - bytes % PAGE_BYTES);
    let swap = match version {
        Version::V1 => memory,
        Version::V2 => memory.map(|_| 0),
    };
    let cpu =
        limits.cpu_millis.map(|millis| (millis.saturating_mul(CPU_PERIOD_MICROS) / 1000).max(CPU_QUOTA_LEAST_MICROS));
    let pids = limits.pids.map(u64::from);
    BTreeMap::from([(Knob::Memory, memory), (Knob::Swap, swap), (Knob::Cpu, cpu), (Knob::Pids, pids)])
}

/// In the first version memory-and-swap may never lie below memory: it goes first when memory rises.
fn order(desired: &Observed, observed: &Observed) -> [Knob; 4] {
    let unlimited_last = |value: Option<u64>| value.unwrap_or(u64::MAX);
    let value = |values: &Observed| unlimited_last(values.get(&Knob::Memory).copied().flatten());
    if value(desired) > value(observed) {
        [Knob::Swap, Knob::Memory, Knob::Cpu, Knob::Pids]
    } else {
        [Knob::Memory, Knob::Swap, Knob::Cpu, Knob::Pids]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_limits() -> impl Strategy<Value = Limits> {
        let memory = prop::option::of(0u64..1 << 40);
        (memory, prop::option::of(1u64..64_000), prop::option::of(1u32..100_000)).prop_map(
            |(memory, cpu_millis, pids)| Limits { memory: memory.map(ByteSize::bytes), cpu_millis, pids, nofile: None },
        )
    }

    fn any_observed() -> impl Strategy<Value = Observed> {
        let knob = prop::sample::select(Knob::ALL.to_vec());
        prop::collection::btree_map(knob, prop::option::of(0u64..1 << 40), 0..5)
    }

    proptest! {
        #[test]
        fn applying_a_plan_leaves_nothing_to_do(
            limits in any_limits(), before in any_observed(), version in prop::sample::select(vec![Version::V1, Version::V2])
        ) {
            let first = plan(version, &limits, &before);
            let mut after = before.clone();
            for write in &first.writes {
                let text = write.knob.text(version, write.value);
                prop_assert!(before.contains_key(&write.knob), "only files that exist are written");
                after.insert(write.knob, write.knob.parse(&text));
            }
            let second = plan(version, &limits, &after);
            prop_assert_eq!(second.writes, vec![]);
            prop_assert_eq!(second.unavailable, first.unavailable);
        }

        #[test]
        fn memory_and_swap_together_never_lie_below_memory_on_the_way(
            old in prop::option::of(0u64..1 << 30), limits in any_limits()
        ) {
            let mut state = Observed::from([(Knob::Memory, old), (Knob::Swap, old)]);
            for write in plan(Version::V1, &limits, &state).writes {
                state.insert(write.knob, write.value);
                let bound = |knob| state.get(&knob).copied().flatten().unwrap_or(u64::MAX);
                prop_assert!(bound(Knob::Swap) >= bound(Knob::Memory));
            }
        }
    }

    #[test]
    fn limits_are_written_as_the_kernel_takes_them() {
        assert_eq!(Knob::Cpu.text(Version::V2, Some(25_000)), "25000 100000");
        assert_eq!(Knob::Cpu.text(Version::V1, None), "-1");
        assert_eq!(Knob::Memory.parse("9223372036854771712\n"), None);
        assert_eq!(Knob::Memory.parse("max\n"), None);
        assert_eq!(Knob::Cpu.parse("50000 100000\n"), Some(50_000));
        assert_eq!(Knob::Cpu.parse("-1\n"), None);
    }
}
