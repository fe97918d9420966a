//! What a host went through from one sample to the next. Pure.

use std::time::Duration;

use throng_common::status::{HostSample, UnixMillis};

use crate::report::load::LoadSample;

/// The two clocks are not read at the very same moment: less is no step.
const CLOCK_NOISE_MILLIS: i64 = 100;

/// The interval between two samples of a host; none where they are not in order: the host was rebooted in between.
pub(super) fn between(before: &HostSample, after: &HostSample, at: UnixMillis) -> Option<LoadSample> {
    let took = after.uptime.checked_sub(before.uptime).filter(|took| !took.is_zero())?;
    let since = |pick: fn(&HostSample) -> u64| pick(after).saturating_sub(pick(before));
    let stalled = |pick: fn(&HostSample) -> Option<Duration>| {
        let stalled = pick(after)?.saturating_sub(pick(before)?);
        // The two are not read at the very same moment.
        Some((stalled.as_secs_f64() / took.as_secs_f64() * 100.0).min(100.0))
    };
    Some(LoadSample {
        at,
        took_millis: millis(took),
        cpu_busy_cores: after.cpu_busy_cores,
        cpu_stolen_cores: after.cpu_stolen_cores,
        nodes_cpu_cores: 0.0,
        memory_available_bytes: after.memory_available_bytes,
        nodes_memory_bytes: 0,
        cpu_stalled_percent: stalled(|sample| sample.psi_cpu_stalled),
        memory_stalled_percent: stalled(|sample| sample.psi_memory_stalled),
        io_stalled_percent: stalled(|sample| sample.psi_io_stalled),
        late_millis: after.late_max.map(millis),
        oom_kills: since(|sample| sample.oom_kills),
        net_received_bytes: since(|sample| sample.net_received_bytes),
        net_sent_bytes: since(|sample| sample.net_sent_bytes),
        disk_read_bytes: since(|sample| sample.disk_read_bytes),
        disk_written_bytes: since(|sample| sample.disk_written_bytes),
        clock_step_millis: clock_step(before, after, took),
        uses: after.uses.clone(),
        disk_free_bytes: after
            .engine_disk_free_bytes
            .map_or(after.disk_free_bytes, |free| free.min(after.disk_free_bytes)),
    })
}

/// Two intervals that follow each other as one: what was moved is added up, rates are those of the whole, of what is
/// scarce the least and of what is late the most stays.
pub(super) fn merged(first: &LoadSample, second: &LoadSample) -> LoadSample {
    let (a, b) = (seconds(first), seconds(second));
    let mean = |pick: fn(&LoadSample) -> f64| (pick(first) * a + pick(second) * b) / (a + b);
    let share = |pick: fn(&LoadSample) -> Option<f64>| match (pick(first), pick(second)) {
        (Some(one), Some(other)) => Some((one * a + other * b) / (a + b)),
        (one, other) => one.or(other),
    };
    LoadSample {
        at: second.at,
        took_millis: first.took_millis + second.took_millis,
        cpu_busy_cores: mean(|load| load.cpu_busy_cores),
        cpu_stolen_cores: mean(|load| load.cpu_stolen_cores),
        nodes_cpu_cores: mean(|load| load.nodes_cpu_cores),
        memory_available_bytes: first.memory_available_bytes.min(second.memory_available_bytes),
        nodes_memory_bytes: first.nodes_memory_bytes.max(second.nodes_memory_bytes),
        cpu_stalled_percent: share(|load| load.cpu_stalled_percent),
        memory_stalled_percent: share(|load| load.memory_stalled_percent),
        io_stalled_percent: share(|load| load.io_stalled_percent),
        late_millis: first.late_millis.max(second.late_millis),
        oom_kills: first.oom_kills + second.oom_kills,
        net_received_bytes: first.net_received_bytes + second.net_received_bytes,
        net_sent_bytes: first.net_sent_bytes + second.net_sent_bytes,
        disk_read_bytes: first.disk_read_bytes + second.disk_read_bytes,
        disk_written_bytes: first.disk_written_bytes + second.disk_written_bytes,
        disk_free_bytes: first.disk_free_bytes.min(second.disk_free_bytes),
        clock_step_millis: first.clock_step_millis + second.clock_step_millis,
        uses: if second.uses.is_empty() { first.uses.clone() } else { second.uses.clone() },
    }
}

/// What the wall clock went more, or less, than time did. Reading both takes a moment, which is no step.
fn clock_step(before: &HostSample, after: &HostSample, took: Duration) -> i64 {
    let signed = |millis: u64| i64::try_from(millis).unwrap_or(i64::MAX);
    let step = signed(after.at.0) - signed(before.at.0) - signed(millis(took));
    if step.abs() < CLOCK_NOISE_MILLIS { 0 } else { step }
}

/// An interval lasts a millisecond at least, so that it can be divided by.
fn seconds(load: &LoadSample) -> f64 {
    Duration::from_millis(load.took_millis.max(1)).as_secs_f64()
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(uptime: u64, stalled: u64, disk: u64) -> HostSample {
        HostSample {
            uptime: Duration::from_millis(uptime),
            psi_cpu_stalled: Some(Duration::from_millis(stalled)),
            disk_written_bytes: disk,
            disk_free_bytes: 100,
            engine_disk_free_bytes: Some(40),
            ..HostSample::default()
        }
    }

    #[test]
    fn an_interval_holds_what_was_moved_and_the_share_of_time_that_somebody_waited() {
        let load = between(&sample(1_000, 50, 700), &sample(3_000, 550, 1_000), UnixMillis(9)).unwrap();
        assert_eq!((load.took_millis, load.cpu_stalled_percent, load.io_stalled_percent), (2_000, Some(25.0), None));
        assert_eq!((load.disk_written_bytes, load.disk_free_bytes), (300, 40), "the fuller of the two disks counts");
        assert_eq!(between(&sample(3_000, 0, 0), &sample(1_000, 0, 0), UnixMillis(9)), None, "a reboot in between");
    }

    #[test]
    fn a_clock_that_is_set_shows_against_the_time_since_boot() {
        let step = |wall: u64| {
            let (before, after) = (sample(1_000, 0, 0), sample(2_000, 0, 0));
            let (before, after) =
                (HostSample { at: UnixMillis(50_000), ..before }, HostSample { at: UnixMillis(wall), ..after });
            between(&before, &after, UnixMillis(9)).unwrap().clock_step_millis
        };
        assert_eq!([step(51_000), step(51_040), step(49_000), step(58_000)], [0, 0, -2_000, 7_000]);
    }

    #[test]
    fn merged_intervals_keep_what_was_scarce_and_what_was_late() {
        let base = between(&sample(0, 0, 0), &sample(1_000, 1_000, 10), UnixMillis(1)).unwrap();
        let calm = LoadSample { cpu_stalled_percent: Some(0.0), memory_available_bytes: 7, ..base.clone() };
        let late = LoadSample { late_millis: Some(300), memory_available_bytes: 9, took_millis: 3_000, ..base };
        let both = merged(&calm, &late);
        assert_eq!((both.took_millis, both.cpu_stalled_percent), (4_000, Some(75.0)));
        assert_eq!((both.memory_available_bytes, both.late_millis, both.disk_written_bytes), (7, Some(300), 20));
    }
}
