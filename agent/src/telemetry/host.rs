//! Samples of the host.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use procfs::{
    CpuPressure, CpuTime, Current as _, CurrentSI as _, IoPressure, KernelStats, MemoryPressure, PressureRecord,
};
use sysinfo::{MemoryRefreshKind, Networks, System};
use throng_common::status::HostSample;

use crate::facts::observe::{engine_free_bytes, free_bytes, now};

/// The interface that never leaves the machine.
const LOOPBACK: &str = "lo";
/// Where the kernel lists whole disks.
const BLOCK_DEVICES: &str = "/sys/block";
/// A sector as the kernel counts them, whatever the disk's own is.
const SECTOR_BYTES: u64 = 512;
/// Within less the kernel's clock ticks are too coarse to count from.
const CPU_INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Takes samples of the host; CPU is counted from one sample to the next.
#[derive(Debug)]
pub struct HostSampler {
    system: System,
    networks: Networks,
    disks: BTreeSet<String>,
    state_dir: PathBuf,
    has_pressure: bool,
    cpu: CpuCount,
}

/// The CPUs' time since boot, and what became of it since the count before.
#[derive(Debug)]
struct CpuCount {
    at: Instant,
    busy_ticks: u64,
    stolen_ticks: u64,
    busy_cores: f64,
    stolen_cores: f64,
}

impl HostSampler {
    /// A sampler; `state_dir` tells the file system whose free space counts.
    pub fn new(state_dir: PathBuf) -> Result<Self, sysinfo::Error> {
        Ok(Self {
            system: System::new()?,
            networks: Networks::new_with_refreshed_list()?,
            disks: disks(Path::new(BLOCK_DEVICES)),
            state_dir,
            has_pressure: PathBuf::from("/proc/pressure").is_dir(),
            cpu: CpuCount::begin(),
        })
    }

    /// A sample. Blocks for a millisecond or less; within 100 ms of the last one its CPU figures are that one's.
    pub fn sample(&mut self) -> HostSample {
        self.system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        self.networks.refresh(true);
        self.cpu.go_on();
        let (net_received_bytes, net_sent_bytes) = self.traffic();
        let (disk_read_bytes, disk_written_bytes) = self.disk_traffic();
        let cpu = self.pressure(|| Some(CpuPressure::current().ok()?.some));
        let memory = self.pressure(|| Some(MemoryPressure::current().ok()?.some));
        let io = self.pressure(|| Some(IoPressure::current().ok()?.some));
        let recent = |record: &Option<PressureRecord>| record.as_ref().map(|record| f64::from(record.avg10));
        let stalled =
            |record: &Option<PressureRecord>| record.as_ref().map(|record| Duration::from_micros(record.total));
        HostSample {
            at: now(),
            cpu_busy_cores: self.cpu.busy_cores,
            load_1m: System::load_average().map(|load| load.one).unwrap_or_default(),
            memory_available_bytes: self.system.available_memory(),
            psi_cpu_some_percent: recent(&cpu),
            psi_memory_some_percent: recent(&memory),
            psi_io_some_percent: recent(&io),
            disk_free_bytes: free_bytes(&self.state_dir).unwrap_or_default(),
            net_received_bytes,
            net_sent_bytes,
            late_max: None,
            uptime: uptime(),
            cpu_stolen_cores: self.cpu.stolen_cores,
            psi_cpu_stalled: stalled(&cpu),
            psi_memory_stalled: stalled(&memory),
            psi_io_stalled: stalled(&io),
            oom_kills: oom_kills(),
            engine_disk_free_bytes: engine_free_bytes(),
            disk_read_bytes,
            disk_written_bytes,
            uses: Vec::new(),
        }
    }

    fn pressure(&self, read: impl FnOnce() -> Option<PressureRecord>) -> Option<PressureRecord> {
        self.has_pressure.then(read).flatten()
    }

    fn traffic(&self) -> (u64, u64) {
        let outward = self.networks.iter().filter(|(name, _)| *name != LOOPBACK);
        outward.fold((0, 0), |(received, sent), (_, network)| {
            (received + network.total_received(), sent + network.total_transmitted())
        })
    }

    fn disk_traffic(&self) -> (u64, u64) {
        let all = procfs::diskstats().unwrap_or_default();
        let ours = all.iter().filter(|disk| self.disks.contains(&disk.name));
        ours.fold((0, 0), |(read, written), disk| {
            (read + disk.sectors_read * SECTOR_BYTES, written + disk.sectors_written * SECTOR_BYTES)
        })
    }
}

impl CpuCount {
    fn begin() -> Self {
        let (busy_ticks, stolen_ticks) = cpu_ticks().unwrap_or_default();
        Self { at: Instant::now(), busy_ticks, stolen_ticks, busy_cores: 0.0, stolen_cores: 0.0 }
    }

    fn go_on(&mut self) {
        let since = self.at.elapsed();
        let Some((busy_ticks, stolen_ticks)) = cpu_ticks().filter(|_| since >= CPU_INTERVAL_MIN) else { return };
        let cores = |ticks: u64| ticks_to_seconds(ticks) / since.as_secs_f64();
        *self = Self {
            at: self.at + since,
            busy_ticks,
            stolen_ticks,
            busy_cores: cores(busy_ticks.saturating_sub(self.busy_ticks)),
            stolen_cores: cores(stolen_ticks.saturating_sub(self.stolen_ticks)),
        };
    }
}

/// Clock ticks since boot, of all CPUs: those in which they worked, and those that the hypervisor gave to others.
fn cpu_ticks() -> Option<(u64, u64)> {
    let CpuTime { user, nice, system, irq, softirq, steal, .. } = KernelStats::current().ok()?.total;
    Some((user + nice + system + irq.unwrap_or(0) + softirq.unwrap_or(0), steal.unwrap_or(0)))
}

/// Clock ticks of the kernel's accounts as seconds.
pub(super) fn ticks_to_seconds(ticks: u64) -> f64 {
    // Exact up to 2^52 ticks, a million years.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (ticks, each) = (ticks as f64, procfs::ticks_per_second() as f64);
    ticks / each
}

fn uptime() -> Duration {
    // The kernel has this clock since 2.6.39.
    clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default()
}

fn oom_kills() -> u64 {
    let count = procfs::vmstat().ok().and_then(|figures| figures.get("oom_kill").copied());
    count.and_then(|count| u64::try_from(count).ok()).unwrap_or_default()
}

/// Whole disks with a device behind them: what is stacked on others, or lies in memory, would count twice or not at all.
fn disks(block_devices: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(block_devices).into_iter().flatten().flatten();
    let real = entries.filter(|entry| entry.path().join("device").exists());
    real.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_core_is_seen() {
        let mut sampler = HostSampler::new(std::env::temp_dir()).unwrap();
        sampler.sample();
        let end = Instant::now() + Duration::from_millis(500);
        let mut spins = 0u64;
        while Instant::now() < end {
            spins += 1;
        }
        let sample = sampler.sample();
        assert!(spins > 0 && sample.cpu_busy_cores > 0.3, "{sample:?}");
        assert!(sample.memory_available_bytes > 0 && sample.disk_free_bytes > 0);
    }

    #[test]
    fn what_counts_since_boot_only_grows_and_the_clock_goes_with_it() {
        let mut sampler = HostSampler::new(std::env::temp_dir()).unwrap();
        let (before, after) = (sampler.sample(), sampler.sample());
        assert!(after.uptime >= before.uptime && before.uptime > Duration::ZERO, "{before:?} {after:?}");
        assert!(after.psi_cpu_stalled >= before.psi_cpu_stalled && after.psi_io_stalled >= before.psi_io_stalled);
        assert!(after.disk_written_bytes >= before.disk_written_bytes && after.oom_kills >= before.oom_kills);
        assert_eq!(before.psi_cpu_stalled.is_some(), Path::new("/proc/pressure/cpu").exists());
    }

    #[test]
    fn only_disks_with_a_device_behind_them_count() {
        let folder = tempfile::tempdir().unwrap();
        for (name, device) in [("vda", true), ("loop0", false), ("dm-0", false), ("nvme0n1", true)] {
            let disk = folder.path().join(name);
            std::fs::create_dir(&disk).unwrap();
            if device {
                std::fs::create_dir(disk.join("device")).unwrap();
            }
        }
        assert_eq!(disks(folder.path()), BTreeSet::from(["nvme0n1".to_owned(), "vda".to_owned()]));
    }

    #[test]
    fn a_sample_is_cheap() {
        const SAMPLES: u32 = 50;
        let mut sampler = HostSampler::new(std::env::temp_dir()).unwrap();
        let start = cpu_micros();
        for _ in 0..SAMPLES {
            sampler.sample();
        }
        let each = (cpu_micros() - start) / u64::from(SAMPLES);
        assert!(each < 5_000, "a sample cost {each} µs of CPU time");
    }

    /// CPU time of this thread: other tests run beside this one.
    fn cpu_micros() -> u64 {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        text.split_ascii_whitespace().next().unwrap().parse::<u64>().unwrap() / 1000
    }
}
