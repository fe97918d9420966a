//! Samples of the host.

use std::path::PathBuf;

use procfs::{CpuPressure, Current, IoPressure, MemoryPressure};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, Networks, System};
use throng_common::status::HostSample;

use crate::facts::observe::{free_bytes, now};

/// The interface that never leaves the machine.
const LOOPBACK: &str = "lo";

/// Takes samples of the host; CPU is counted from one sample to the next.
#[derive(Debug)]
pub struct HostSampler {
    system: System,
    networks: Networks,
    state_dir: PathBuf,
    has_pressure: bool,
}

impl HostSampler {
    /// A sampler; `state_dir` tells the file system whose free space counts.
    pub fn new(state_dir: PathBuf) -> Result<Self, sysinfo::Error> {
        let mut system = System::new()?;
        system.refresh_cpu_list(CpuRefreshKind::nothing().with_usage());
        let has_pressure = PathBuf::from("/proc/pressure").is_dir();
        Ok(Self { system, networks: Networks::new_with_refreshed_list()?, state_dir, has_pressure })
    }

    /// A sample. Blocks for a millisecond or less; within 200 ms of the last one its CPU figure is that one's.
    pub fn sample(&mut self) -> HostSample {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        self.networks.refresh(true);
        let (net_received_bytes, net_sent_bytes) = self.traffic();
        HostSample {
            at: now(),
            cpu_busy_cores: self.system.cpus().iter().map(|cpu| f64::from(cpu.usage())).sum::<f64>() / 100.0,
            load_1m: System::load_average().map(|load| load.one).unwrap_or_default(),
            memory_available_bytes: self.system.available_memory(),
            psi_cpu_some_percent: self.pressure(|| Some(CpuPressure::current().ok()?.some.avg10)),
            psi_memory_some_percent: self.pressure(|| Some(MemoryPressure::current().ok()?.some.avg10)),
            psi_io_some_percent: self.pressure(|| Some(IoPressure::current().ok()?.some.avg10)),
            disk_free_bytes: free_bytes(&self.state_dir).unwrap_or_default(),
            net_received_bytes,
            net_sent_bytes,
        }
    }

    fn pressure(&self, read: impl FnOnce() -> Option<f32>) -> Option<f64> {
        self.has_pressure.then(read).flatten().map(f64::from)
    }

    fn traffic(&self) -> (u64, u64) {
        let outward = self.networks.iter().filter(|(name, _)| *name != LOOPBACK);
        outward.fold((0, 0), |(received, sent), (_, network)| {
            (received + network.total_received(), sent + network.total_transmitted())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

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
