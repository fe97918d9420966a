//! The load of one host, as its samples come in. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use throng_common::ids::{ClusterId, NodeName};
use throng_common::status::{HostSample, NodeSample, UnixMillis};

use super::interval::{between, millis};
use super::roles::{cores, grown};
use super::series::LoadSeries;
use crate::judgement::{HostWitness, Second, Trouble, TroubleKind};
use crate::report::load::{HostLoad, LoadSample, LoadSummary};

/// Most intervals kept to judge a test by: an hour. Of a test that lasts longer its last hour is known.
const RECENT_MAX: usize = 3600;
/// Nodes that wait less because of their limits are not kept by name, and no more than so many are.
const THROTTLED_MIN: Duration = Duration::from_millis(20);
const THROTTLED_MAX: usize = 200;

/// One host.
#[derive(Debug, Default)]
pub(super) struct HostRecord {
    last: Option<HostSample>,
    /// The newest interval: what nodes used in it comes after it.
    newest: Option<LoadSample>,
    series: LoadSeries,
    /// The intervals since the test began that is under way, with the newest last.
    recent: VecDeque<Second>,
    troubles: Vec<Trouble>,
    summary: Option<LoadSummary>,
    nodes: BTreeMap<(ClusterId, NodeName), NodeSample>,
    /// The run's clock at the host's boot. Of all samples the one that was least long on its way tells it best.
    booted_millis: Option<u64>,
}

impl HostRecord {
    /// Takes a sample in that arrived at this time of the run's clock.
    pub(super) fn push(&mut self, sample: &HostSample, arrived: UnixMillis) {
        let boot = arrived.0.saturating_sub(millis(sample.uptime));
        if self.last.as_ref().is_some_and(|last| last.uptime > sample.uptime) {
            (self.last, self.booted_millis) = (None, None);
        }
        let booted = self.booted_millis.map_or(boot, |known| known.min(boot));
        self.booted_millis = Some(booted);
        self.keep_newest();
        let at = UnixMillis(booted + millis(sample.uptime));
        self.newest = self.last.as_ref().and_then(|last| between(last, sample, at));
        self.last = Some(HostSample { uses: Vec::new(), ..sample.clone() });
        if let Some(load) = &self.newest {
            if self.recent.len() >= RECENT_MAX {
                self.recent.pop_front();
            }
            self.recent.push_back(Second { load: load.clone(), ..Second::default() });
        }
    }

    /// Takes samples of its nodes in, all of them together. They belong to the host's sample before.
    pub(super) fn push_nodes(&mut self, samples: &[NodeSample]) {
        let mut nodes = BTreeMap::new();
        let (mut cpu_cores, mut memory_bytes, mut oom_kills) = (0.0, 0, 0);
        let mut throttled = BTreeMap::new();
        for sample in samples {
            let key = (sample.cluster.clone(), sample.node.clone());
            if let Some(before) = self.nodes.get(&key) {
                cpu_cores += cores(before, sample);
                oom_kills += grown(before, sample, |sample| sample.oom_kills);
                let waited = Duration::from_micros(grown(before, sample, |sample| sample.throttled_micros));
                if waited >= THROTTLED_MIN && throttled.len() < THROTTLED_MAX {
                    throttled.insert(sample.node.clone(), waited);
                }
            }
            memory_bytes += sample.anonymous_bytes + sample.ramdisk_bytes + sample.kernel_bytes.unwrap_or(0);
            nodes.insert(key, sample.clone());
        }
        self.nodes = nodes;
        if let Some(newest) = &mut self.newest {
            newest.nodes_cpu_cores = cpu_cores;
            newest.nodes_memory_bytes = memory_bytes;
            if let Some(second) = self.recent.back_mut() {
                second.load = newest.clone();
                second.throttled = throttled;
                second.node_oom_kills = oom_kills;
            }
        }
    }

    /// Something is wrong with it, or no longer.
    pub(super) fn trouble(&mut self, kind: Option<TroubleKind>, is_it: fn(&TroubleKind) -> bool, now: UnixMillis) {
        let open = self.troubles.iter_mut().find(|trouble| trouble.to.is_none() && is_it(&trouble.kind));
        match (open, kind) {
            (None, Some(kind)) => self.troubles.push(Trouble { kind, from: now, to: None }),
            (Some(open), None) => open.to = Some(now),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    /// Forgets what was before this moment, but for its figures in the report.
    pub(super) fn forget_before(&mut self, at: UnixMillis) {
        self.recent.retain(|second| second.load.at >= at);
        self.troubles.retain(|trouble| trouble.to.is_none_or(|to| to >= at));
    }

    /// Until when its intervals reach.
    pub(super) fn reaches(&self) -> Option<UnixMillis> {
        self.recent.back().map(|second| second.load.at)
    }

    /// What is known of it since the last time that was forgotten.
    pub(super) fn witness(&self) -> HostWitness {
        HostWitness {
            seconds: self.recent.iter().cloned().collect(),
            troubles: self.troubles.clone(),
            ..HostWitness::default()
        }
    }

    fn keep_newest(&mut self) {
        let Some(load) = self.newest.take() else { return };
        self.summary.get_or_insert_with(|| LoadSummary::begin(&load)).add(&load);
        self.series.push(load);
    }

    /// What it comes to, with at most so many intervals; none where there was no time to see anything.
    pub(super) fn report(&mut self, most: usize) -> Option<HostLoad> {
        self.keep_newest();
        let samples = self.series.intervals(most);
        Some(HostLoad { summary: self.summary?, samples })
    }
}

impl LoadSummary {
    fn begin(load: &LoadSample) -> Self {
        Self {
            memory_available_bytes: load.memory_available_bytes,
            disk_free_bytes: load.disk_free_bytes,
            ..Self::default()
        }
    }

    fn add(&mut self, load: &LoadSample) {
        self.watched_millis += load.took_millis;
        self.cpu_busy_cores = self.cpu_busy_cores.max(load.cpu_busy_cores);
        self.cpu_stolen_cores = self.cpu_stolen_cores.max(load.cpu_stolen_cores);
        self.nodes_cpu_cores = self.nodes_cpu_cores.max(load.nodes_cpu_cores);
        self.memory_available_bytes = self.memory_available_bytes.min(load.memory_available_bytes);
        self.nodes_memory_bytes = self.nodes_memory_bytes.max(load.nodes_memory_bytes);
        let stalled = |percent: Option<f64>| {
            let part = percent.unwrap_or(0.0) / 100.0;
            millis(Duration::from_millis(load.took_millis).mul_f64(part.clamp(0.0, 1.0)))
        };
        self.cpu_stalled_millis += stalled(load.cpu_stalled_percent);
        self.memory_stalled_millis += stalled(load.memory_stalled_percent);
        self.io_stalled_millis += stalled(load.io_stalled_percent);
        self.late_millis = self.late_millis.max(load.late_millis);
        self.oom_kills += load.oom_kills;
        self.net_received_bytes += load.net_received_bytes;
        self.net_sent_bytes += load.net_sent_bytes;
        self.disk_read_bytes += load.disk_read_bytes;
        self.disk_written_bytes += load.disk_written_bytes;
        self.disk_free_bytes = self.disk_free_bytes.min(load.disk_free_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seconds: u64) -> HostSample {
        HostSample {
            uptime: Duration::from_secs(seconds),
            memory_available_bytes: 1000 - seconds,
            ..HostSample::default()
        }
    }

    fn node(at: u64, cpu_usage_micros: u64) -> NodeSample {
        NodeSample {
            cluster: "c-x7k2".parse().unwrap(),
            node: "worker-0000".parse().unwrap(),
            at: UnixMillis(at),
            cpu_usage_micros,
            throttled_micros: 0,
            anonymous_bytes: 5,
            ramdisk_bytes: 6,
            kernel_bytes: Some(7),
            oom_kills: 0,
        }
    }

    #[test]
    fn what_the_nodes_used_is_put_to_the_interval_in_which_they_did() {
        let mut host = HostRecord::default();
        for (second, cpu) in [(10, 0), (11, 250_000), (12, 1_250_000)] {
            host.push(&sample(second), UnixMillis(second * 1000));
            host.push_nodes(&[node(second * 1000, cpu)]);
        }
        let load = host.report(100).unwrap();
        let cores: Vec<f64> = load.samples.iter().map(|load| load.nodes_cpu_cores).collect();
        assert_eq!((cores.as_slice(), load.samples[0].nodes_memory_bytes), (&[0.25, 1.0][..], 18));
        assert_eq!((load.summary.watched_millis, load.summary.memory_available_bytes), (2_000, 988));
    }

    #[test]
    fn a_message_that_was_long_on_its_way_does_not_shift_the_time_that_it_speaks_of() {
        let mut host = HostRecord::default();
        for (second, arrived) in [(10, 10_005), (11, 11_001), (12, 14_500), (13, 14_501)] {
            host.push(&sample(second), UnixMillis(arrived));
        }
        let at: Vec<u64> = host.report(100).unwrap().samples.iter().map(|load| load.at.0).collect();
        assert_eq!(at, [11_001, 12_001, 13_001]);
    }

    #[test]
    fn a_reboot_begins_anew() {
        let mut host = HostRecord::default();
        for (second, arrived) in [(1000, 1_000), (1001, 2_000), (5, 9_000), (6, 10_000)] {
            host.push(
                &HostSample { uptime: Duration::from_secs(second), ..HostSample::default() },
                UnixMillis(arrived),
            );
        }
        let load = host.report(100).unwrap();
        assert_eq!(load.samples.iter().map(|load| load.took_millis).collect::<Vec<_>>(), [1_000, 1_000]);
    }

    #[test]
    fn where_nothing_was_seen_nothing_is_said() {
        let mut host = HostRecord::default();
        host.push(&sample(10), UnixMillis(0));
        assert_eq!(host.report(100), None);
    }
}
