//! Samples of hosts.

use std::time::Duration;

use throng_common::status::{HostSample, Party, PartyUse, TopProcess, TopProcesses, UnixMillis};

use super::{DecodeError, list};
use crate::agent as wire;

impl From<&HostSample> for wire::HostSample {
    fn from(sample: &HostSample) -> Self {
        Self {
            at_unix_millis: sample.at.0,
            cpu_busy_cores: sample.cpu_busy_cores,
            load_1m: sample.load_1m,
            memory_available_bytes: sample.memory_available_bytes,
            psi_cpu_some_percent: sample.psi_cpu_some_percent,
            psi_memory_some_percent: sample.psi_memory_some_percent,
            psi_io_some_percent: sample.psi_io_some_percent,
            disk_free_bytes: sample.disk_free_bytes,
            net_received_bytes: sample.net_received_bytes,
            net_sent_bytes: sample.net_sent_bytes,
            late_max_micros: sample.late_max.map(micros),
            uptime_millis: u64::try_from(sample.uptime.as_millis()).unwrap_or(u64::MAX),
            cpu_stolen_cores: sample.cpu_stolen_cores,
            psi_cpu_stalled_micros: sample.psi_cpu_stalled.map(micros),
            psi_memory_stalled_micros: sample.psi_memory_stalled.map(micros),
            psi_io_stalled_micros: sample.psi_io_stalled.map(micros),
            oom_kills: sample.oom_kills,
            engine_disk_free_bytes: sample.engine_disk_free_bytes,
            disk_read_bytes: sample.disk_read_bytes,
            disk_written_bytes: sample.disk_written_bytes,
            uses: sample.uses.iter().map(Into::into).collect(),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl TryFrom<wire::HostSample> for HostSample {
    type Error = DecodeError;
    fn try_from(sample: wire::HostSample) -> Result<Self, DecodeError> {
        Ok(Self {
            at: UnixMillis(sample.at_unix_millis),
            cpu_busy_cores: sample.cpu_busy_cores,
            load_1m: sample.load_1m,
            memory_available_bytes: sample.memory_available_bytes,
            psi_cpu_some_percent: sample.psi_cpu_some_percent,
            psi_memory_some_percent: sample.psi_memory_some_percent,
            psi_io_some_percent: sample.psi_io_some_percent,
            disk_free_bytes: sample.disk_free_bytes,
            net_received_bytes: sample.net_received_bytes,
            net_sent_bytes: sample.net_sent_bytes,
            late_max: sample.late_max_micros.map(Duration::from_micros),
            uptime: Duration::from_millis(sample.uptime_millis),
            cpu_stolen_cores: sample.cpu_stolen_cores,
            psi_cpu_stalled: sample.psi_cpu_stalled_micros.map(Duration::from_micros),
            psi_memory_stalled: sample.psi_memory_stalled_micros.map(Duration::from_micros),
            psi_io_stalled: sample.psi_io_stalled_micros.map(Duration::from_micros),
            oom_kills: sample.oom_kills,
            engine_disk_free_bytes: sample.engine_disk_free_bytes,
            disk_read_bytes: sample.disk_read_bytes,
            disk_written_bytes: sample.disk_written_bytes,
            uses: list("uses", sample.uses)?,
        })
    }
}

/// Each party beside its number on the wire.
const PARTIES: [(Party, wire::Party); 4] = [
    (Party::Nodes, wire::Party::Nodes),
    (Party::Engine, wire::Party::Engine),
    (Party::Throng, wire::Party::Throng),
    (Party::Others, wire::Party::Others),
];

impl From<&PartyUse> for wire::PartyUse {
    fn from(used: &PartyUse) -> Self {
        let known = PARTIES.into_iter().find(|(party, _)| *party == used.party);
        let top = |top: &Option<TopProcess>| top.clone().map(|TopProcess { pid, name }| wire::TopProcess { pid, name });
        Self {
            party: known.map_or(wire::Party::Unspecified, |(_, party)| party).into(),
            cpu_cores: used.cpu_cores,
            memory_bytes: used.memory_bytes,
            io_bytes_per_second: used.io_bytes_per_second,
            cpu_top: top(&used.top.cpu),
            memory_top: top(&used.top.memory),
            io_top: top(&used.top.io),
        }
    }
}

impl TryFrom<wire::PartyUse> for PartyUse {
    type Error = DecodeError;
    fn try_from(used: wire::PartyUse) -> Result<Self, DecodeError> {
        let known = PARTIES.into_iter().find(|(_, party)| *party == used.party());
        let (party, _) = known.ok_or_else(|| DecodeError::new("party", "is not known"))?;
        let top = |top: Option<wire::TopProcess>| top.map(|wire::TopProcess { pid, name }| TopProcess { pid, name });
        Ok(Self {
            party,
            cpu_cores: used.cpu_cores,
            memory_bytes: used.memory_bytes,
            io_bytes_per_second: used.io_bytes_per_second,
            top: TopProcesses { cpu: top(used.cpu_top), memory: top(used.memory_top), io: top(used.io_top) },
        })
    }
}

#[cfg(test)]
mod tests {
    use throng_common::status::AgentEvent;

    use super::*;

    #[test]
    fn every_figure_of_a_host_survives_the_wire() {
        let seconds = Duration::from_secs;
        let top = |pid: u32| Some(TopProcess { pid, name: "stress".into() });
        let used = |party| PartyUse {
            party,
            cpu_cores: 1.5,
            memory_bytes: 21,
            io_bytes_per_second: 22,
            top: TopProcesses { cpu: top(23), memory: None, io: top(25) },
        };
        let sample = HostSample {
            at: UnixMillis(1),
            cpu_busy_cores: 2.5,
            load_1m: 3.5,
            memory_available_bytes: 4,
            psi_cpu_some_percent: Some(5.5),
            psi_memory_some_percent: Some(6.5),
            psi_io_some_percent: None,
            disk_free_bytes: 8,
            net_received_bytes: 9,
            net_sent_bytes: 10,
            late_max: Some(Duration::from_micros(11_001)),
            uptime: Duration::from_millis(12_001),
            cpu_stolen_cores: 0.25,
            psi_cpu_stalled: Some(seconds(14)),
            psi_memory_stalled: None,
            psi_io_stalled: Some(seconds(16)),
            oom_kills: 17,
            engine_disk_free_bytes: Some(18),
            disk_read_bytes: 19,
            disk_written_bytes: 20,
            uses: Party::ALL.map(used).to_vec(),
        };
        let event = AgentEvent::Host(sample);
        assert_eq!(AgentEvent::try_from(wire::AgentEvent::from(&event)).unwrap(), event);
    }
}
