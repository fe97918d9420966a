//! What a host suffered from during a run, for people: nothing is said of one that had enough.

use throng_common::size::ByteSize;

use super::figures::duration;
use crate::judgement::thresholds::{LATE_MIN, MEMORY_LEFT_SHARE_MAX};
use crate::report::load::LoadSummary;
use crate::report::model::HostReport;

/// Worth saying from this share of the run on in which somebody waited.
const STALLED_SHARE_MIN: f64 = 0.1;

/// What was short on a host; none where nothing was.
pub(super) fn shortage(host: &HostReport) -> Option<String> {
    let summary = &host.load.as_ref()?.summary;
    let parts: Vec<String> =
        [waits(summary), memory(host, summary), lateness(summary), killed(summary)].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn waits(summary: &LoadSummary) -> Option<String> {
    let kinds = [
        ("CPU", summary.cpu_stalled_millis),
        ("memory", summary.memory_stalled_millis),
        ("disks", summary.io_stalled_millis),
    ];
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run")]
    let is_long = |millis: u64| millis as f64 >= summary.watched_millis as f64 * STALLED_SHARE_MIN;
    let long = kinds.into_iter().filter(|(_, millis)| *millis > 0 && is_long(*millis));
    let parts: Vec<String> = long.map(|(what, millis)| format!("for {what} in {}", duration(millis))).collect();
    let all = duration(summary.watched_millis);
    (!parts.is_empty()).then(|| format!("somebody waited {} of {all}", parts.join(", ")))
}

#[expect(clippy::cast_precision_loss, reason = "sizes to be compared")]
fn memory(host: &HostReport, summary: &LoadSummary) -> Option<String> {
    let left = summary.memory_available_bytes;
    let is_low = (left as f64) < host.memory_total_bytes as f64 * MEMORY_LEFT_SHARE_MAX;
    is_low.then(|| format!("at the least {} of memory were left", ByteSize::bytes(left)))
}

fn lateness(summary: &LoadSummary) -> Option<String> {
    let millis = summary.late_millis.filter(|millis| u128::from(*millis) >= LATE_MIN.as_millis())?;
    Some(format!("timers came up to {} late", duration(millis)))
}

fn killed(summary: &LoadSummary) -> Option<String> {
    let many = if summary.oom_kills == 1 { "process" } else { "processes" };
    (summary.oom_kills > 0).then(|| format!("{} {many} killed for memory", summary.oom_kills))
}

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::*;

    #[test]
    fn of_a_host_that_had_enough_nothing_is_said_and_of_others_what_was_short() {
        let mut host = sample::passed().hosts.remove(0);
        assert_eq!(shortage(&host), None);
        let load = host.load.as_mut().unwrap();
        load.summary = LoadSummary {
            watched_millis: 52_000,
            cpu_stalled_millis: 31_000,
            io_stalled_millis: 900,
            memory_available_bytes: 1 << 30,
            late_millis: Some(1_200),
            oom_kills: 2,
            ..load.summary
        };
        assert_eq!(
            shortage(&host).unwrap(),
            "somebody waited for CPU in 31.0s of 52.0s; at the least 1GiB of memory were left; timers came up to 1.2s late; \
             2 processes killed for memory"
        );
        host.load = None;
        assert_eq!(shortage(&host), None);
    }
}
