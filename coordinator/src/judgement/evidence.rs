//! The line that a person can check. Pure.

use std::time::Duration;

use throng_common::ids::HostId;
use throng_common::size::ByteSize;

use super::pressure::{Finding, Maker, Shares, What};
use super::witness::{HostWitness, Window};

/// One line: which host, what, for how long, by whom, with figures.
pub(super) fn line(host: &HostId, witness: &HostWitness, finding: &Finding, window: Window) -> String {
    let when = format!(
        "for {} of the {} around its failure",
        seconds(finding.lasted.min(window.length())),
        seconds(window.length())
    );
    let by = match finding.maker {
        Maker::Nodes => "made by the nodes",
        Maker::Others => "made by others",
        Maker::Unknown => "by whom is not known",
    };
    let text = match &finding.what {
        What::Cpu(shares) => {
            let cores = |figure: f64| format!("{figure:.1}");
            let all = format!("{} of {} cores busy", cores(shares.used), witness.cores);
            format!("CPU short {when}, {by}: {all}, {}", who(shares, cores))
        }
        What::Memory(shares) => {
            let all = format!("{} of {} in use", bytes(shares.used), ByteSize::bytes(witness.memory_bytes));
            format!("memory short {when}, {by}: {all}, {}", who(shares, bytes))
        }
        What::Io(shares) => {
            let rate = |figure: f64| format!("{}/s", bytes(figure));
            format!("disks busy {when}, {by}: {}", who(shares, rate))
        }
        What::Stolen { cores } => {
            format!("{cores:.1} of {} cores taken away by the hypervisor {when}", witness.cores)
        }
        What::Late { latest } => {
            format!(
                "programs were not woken in time {when}, {by}: the agent's timer came up to {} late",
                seconds(*latest)
            )
        }
        What::OomKill { count } => format!("the kernel killed {count} for memory that were no nodes', {by}"),
        What::DiskFull { left_bytes } => {
            format!("a disk was full, {by}: {} left", ByteSize::bytes(*left_bytes))
        }
        What::ClockStep { millis } => {
            let direction = if *millis < 0 { "back" } else { "forward" };
            format!("its clock was set {direction} by {}", seconds(Duration::from_millis(millis.unsigned_abs())))
        }
        What::EngineLost(why) => format!("the container engine did not answer {when}: {why}"),
        What::Away => format!("its agent was not connected {when}"),
        What::Throttled { count } => {
            let nodes =
                if *count == 1 { "1 node that failed".to_owned() } else { format!("{count} nodes that failed") };
            format!("{nodes} waited {when} because of their own CPU limit")
        }
    };
    format!("{host}: {text}")
}

fn who(shares: &Shares, unit: impl Fn(f64) -> String) -> String {
    let top = shares.top.as_ref().map(|top| format!(" (most by {}, pid {})", top.name, top.pid)).unwrap_or_default();
    let others = match shares.others {
        Some(others) => format!("others {}{top}", unit(others)),
        None => "others unknown".to_owned(),
    };
    format!("nodes {}, {others}; somebody waited {:.0} % of that time", unit(shares.nodes), shares.stalled_percent)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size to be shown")]
fn bytes(figure: f64) -> String {
    ByteSize::bytes(figure.max(0.0) as u64).to_string()
}

fn seconds(time: Duration) -> String {
    format!("{:.1}s", time.as_secs_f64())
}
