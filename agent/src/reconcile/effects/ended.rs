//! How a node ended: words that are the same for all that ended alike, and what is this node's own of it: how long it ran
//! and what it said last.

use std::future::ready;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use throng_common::error_chain::chain;
use throng_common::span::Span;
use throng_common::status::{Reason, ReasonKind, UnixMillis};
use tokio::time::timeout;

use super::super::command::Key;
use super::engine::engine_reason;
use super::host::Host;
use super::jvm::{LOOKED_AT_LINES, refined};
use crate::host::engine::labels;
use crate::host::engine::model::{ContainerId, ContainerState, LogOptions, RawLogLine};
use crate::logs::shim_log::ShimLog;
use crate::resources::process::observe::{ProcessState, observe};
use crate::resources::ramdisk::verify::{Lack, lacks};
use crate::shim::files::{ShimFiles, read_json};
use crate::shim::record::{ExitCause, ExitRecord, PidRecord};

/// Last lines of a node's output that are kept with the reason of its end, and how much of each.
const LAST_LINES: usize = 3;
const LINE_MAX_CHARS: usize = 160;
/// How long the engine may take to give them: that the node ended must be known soon, also of hundreds at a time.
const LINES_DEADLINE: Duration = Duration::from_secs(3);
/// How much later than it was a container's start may be noted.
const START_SLACK: Duration = Duration::from_secs(2);
/// From here on, how long a node ran is told in whole seconds.
const WHOLE_SECONDS_FROM: Duration = Duration::from_secs(10);

const VANISHED: &str = "its process is gone, and the container engine does not say how it ended";
const UNREAD: &str = "its process is gone, and how it ended cannot be read";
const OUT_OF_MEMORY: &str = "ran into its memory limit and was killed: raise `memory`, or lower what it uses";

/// What came of looking at a container whose process is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerEnd {
    /// It ended.
    Ended {
        /// Why.
        reason: Reason,
        /// Whether that is a failure.
        failed: bool,
    },
    /// The engine does not say how.
    Unknown(Reason),
    /// It has not: it runs, by the kernel's word too. Who said otherwise spoke of an earlier run of it.
    Runs,
}

/// Why a container ended, in words that a person can act on.
pub(super) fn end_reason(state: &ContainerState) -> Reason {
    if state.oom_killed {
        return Reason::new(ReasonKind::OutOfMemory, OUT_OF_MEMORY);
    }
    if let Some(error) = state.error.as_ref().filter(|error| !error.is_empty()) {
        return Reason::new(ReasonKind::Engine, error.clone());
    }
    match state.exit_code {
        Some(code) => code_reason(code),
        None => Reason::new(ReasonKind::Exited, "ended; the engine does not say how"),
    }
}

fn code_reason(code: i64) -> Reason {
    match code {
        // As engines and shells give it: above 128, a signal.
        129..=192 => Reason::new(ReasonKind::Signalled, format!("killed by signal {}", code - 128)),
        _ => Reason::new(ReasonKind::Exited, format!("exit code {code}")),
    }
}

/// Why nothing is known of a container whose process is gone.
pub(super) fn still_runs(id: &ContainerId) -> Reason {
    Reason::new(ReasonKind::EngineHung, VANISHED).with_detail(format!("it still lists container {id} as running"))
}

/// The same, of one of which the engine says nothing.
pub(super) fn vanished(silence: &Reason) -> Reason {
    Reason::new(silence.kind, VANISHED).with_detail(silence.to_string())
}

/// Whether such an end is a failure.
pub(super) fn is_failure(state: &ContainerState) -> bool {
    state.oom_killed || state.exit_code != Some(0)
}

/// Why a process ended, and whether that is a failure.
pub(super) fn process_reason(record: &ExitRecord) -> (Reason, bool) {
    match (&record.exit, record.oom_killed) {
        (_, true) => (Reason::new(ReasonKind::OutOfMemory, OUT_OF_MEMORY), true),
        (ExitCause::Code(code), _) => (Reason::new(ReasonKind::Exited, format!("exit code {code}")), *code != 0),
        (ExitCause::Signal(signal), _) => {
            (Reason::new(ReasonKind::Signalled, format!("killed by signal {signal}")), true)
        }
        (ExitCause::CouldNotStart(why), _) => {
            (Reason::new(ReasonKind::Host, format!("could not be started: {why}")), true)
        }
    }
}

/// What is a node's own of its end: how long it ran, which of its ramdisks are full, what it said last. `lines` are all
/// that is known of its output.
fn own(ran: Option<Duration>, full: Option<String>, lines: &[RawLogLine]) -> String {
    let ran = ran.map(|ran| {
        let millis = u64::try_from(ran.as_millis()).unwrap_or(u64::MAX);
        match millis {
            0 => "at once".to_owned(),
            _ if ran < WHOLE_SECONDS_FROM => format!("after {}", Span::millis(millis)),
            _ => format!("after {}", Span::seconds(ran.as_secs())),
        }
    });
    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
    let last: Vec<String> = last.iter().map(|line| line.text.trim().chars().take(LINE_MAX_CHARS).collect()).collect();
    let said = (!last.is_empty()).then(|| format!("last output: {}", last.join(" | ")));
    [ran, full, said].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Whose container it is, by its labels.
fn node_of(state: &ContainerState) -> Option<Key> {
    let label = |name: &str| state.labels.get(name);
    Some(Key { cluster: label(labels::CLUSTER)?.parse().ok()?, node: label(labels::NODE)?.parse().ok()? })
}

/// Which of the ramdisks below the folder are full, with what can be done about it; none where none is.
fn full_ramdisks(folder: &Path) -> Option<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let full = entries.filter_map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        Some(match lacks(&entry.path())? {
            Lack::Room => format!("ramdisk `{name}` is full: raise its `size`"),
            Lack::Inodes => format!("ramdisk `{name}` has no inodes left: raise its `inodes`"),
        })
    });
    let mut full: Vec<String> = full.collect();
    full.sort();
    (!full.is_empty()).then(|| full.join("; "))
}

/// Whether a line was written in the run that began then: a log goes on over restarts.
fn is_of_run(line: &RawLogLine, began: UnixMillis) -> bool {
    line.at_unix_nanos / 1_000_000 >= began.0
}

/// When a container's run began, for the lines of its log: a busy engine takes note of a start some time after it.
fn log_began(state: &ContainerState) -> UnixMillis {
    let slack = u64::try_from(START_SLACK.as_millis()).unwrap_or(u64::MAX);
    UnixMillis(state.started_at.unwrap_or_default().0.saturating_sub(slack))
}

impl Host {
    /// How a container ended that was running. `code` is what the engine's event said of it.
    pub async fn container_ended(&self, id: &ContainerId, code: Option<i64>) -> ContainerEnd {
        let _turn = self.look_turn().await;
        let error = match self.parts.engine.inspect(id.as_str()).await {
            Ok(state) if self.claims_to_run(&state) => return ContainerEnd::Unknown(still_runs(id)),
            Ok(state) if state.phase.has_process() => return ContainerEnd::Runs,
            Ok(state) => {
                let (reason, failed) = self.container_end(&state).await;
                return ContainerEnd::Ended { reason, failed };
            }
            Err(error) if error.is_not_found() => {
                let reason = Reason::new(ReasonKind::Lost, "its container was removed, and not by throng");
                return ContainerEnd::Ended { reason, failed: true };
            }
            Err(error) => error,
        };
        if let Some(code) = code {
            let detail = format!("the engine does not say more: {}", chain(&error));
            return ContainerEnd::Ended { reason: code_reason(code).with_detail(detail), failed: code != 0 };
        }
        ContainerEnd::Unknown(vanished(&engine_reason(&error)))
    }

    /// Whether the engine says that a container runs whose process the kernel does not have.
    pub(super) fn claims_to_run(&self, state: &ContainerState) -> bool {
        let pid = state.pid.filter(|_| state.phase.has_process());
        pid.is_some_and(|pid| !self.is_alive(pid))
    }

    /// Whether a process lives, by the kernel's word.
    pub fn is_alive(&self, pid: u32) -> bool {
        self.parts.procs.stat(pid).is_ok_and(|stat| !matches!(stat.state, 'Z' | 'X'))
    }

    /// Whether there is a process with this id: cheaper, and true of one that is only waiting to be reaped as well.
    pub fn is_there(pid: u32) -> bool {
        let pid = i32::try_from(pid).map(Pid::from_raw);
        pid.is_ok_and(|pid| kill(pid, None) != Err(Errno::ESRCH))
    }

    /// How a container ended, and whether that is a failure.
    pub(in crate::reconcile) async fn container_end(&self, state: &ContainerState) -> (Reason, bool) {
        let ran = state.started_at.zip(state.finished_at).map(|(began, ended)| ended.since(began));
        let began = log_began(state);
        let options = LogOptions { tail: Some(LOOKED_AT_LINES as u64), since: Some(began), follow: false };
        let lines = self.parts.engine.logs(&state.id, options).filter_map(|line| ready(line.ok())).collect::<Vec<_>>();
        // Without its last words its end is still its end.
        let mut lines = timeout(LINES_DEADLINE, lines).await.unwrap_or_default();
        lines.retain(|line| is_of_run(line, began));
        let full = node_of(state).and_then(|key| full_ramdisks(&self.ramdisks_of(&key)));
        let reason = refined(end_reason(state), &lines).with_detail(own(ran, full, &lines));
        match self.ended_with_engine(state).await {
            Some(with_engine) => (with_engine.with_detail(reason.to_string()), true),
            None => (reason, is_failure(state)),
        }
    }

    /// The folder in which a node's ramdisks are mounted.
    fn ramdisks_of(&self, key: &Key) -> PathBuf {
        let any = self.parts.paths.ramdisk_dir(&key.cluster, &key.node, "any");
        any.parent().map(Path::to_owned).unwrap_or_default()
    }

    /// How a process of this node ended whose shim's folder this is, and whether that is a failure.
    pub(super) async fn process_end(self: &Arc<Self>, key: &Key, dir: &Path, record: ExitRecord) -> (Reason, bool) {
        let (dir, ended, ramdisks) = (dir.to_owned(), record.clone(), self.ramdisks_of(key));
        let (reason, failed) = process_reason(&record);
        let looked = move |_: &Self| Ok(of_process(reason, dir, &ended, &ramdisks));
        let plain = process_reason(&record).0;
        (self.blocking(looked).await.unwrap_or(plain), failed)
    }

    /// Whether a process node that was running has ended. Where its files cannot be read, the kernel's word counts.
    pub fn has_process_ended(&self, key: &Key, pid: u32) -> bool {
        match observe(&self.parts.paths.shim_dir(&key.cluster, &key.node)).map(|seen| seen.state) {
            Ok(ProcessState::Running(_) | ProcessState::Starting | ProcessState::Ending(_)) => false,
            Ok(ProcessState::Ended(_) | ProcessState::Absent | ProcessState::Lost) => true,
            Err(_) => !self.is_alive(pid),
        }
    }

    /// How a process node ended that was running; none while it runs.
    pub async fn process_ended(self: &Arc<Self>, key: &Key, pid: u32) -> Option<(Reason, bool)> {
        let dir = self.parts.paths.shim_dir(&key.cluster, &key.node);
        let state = match observe(&dir) {
            Ok(seen) => seen.state,
            Err(_) if self.is_alive(pid) => return None,
            Err(error) => return Some((Reason::new(ReasonKind::Lost, UNREAD).with_detail(chain(&error)), true)),
        };
        match state {
            ProcessState::Running(_) | ProcessState::Starting | ProcessState::Ending(_) => None,
            ProcessState::Ended(record) => Some(self.process_end(key, &dir, record).await),
            ProcessState::Absent | ProcessState::Lost => {
                Some((Reason::new(ReasonKind::Lost, "its shim was killed, and it with it"), true))
            }
        }
    }
}

/// The reason with what is the process's own.
fn of_process(reason: Reason, dir: PathBuf, record: &ExitRecord, ramdisks: &Path) -> Reason {
    // A process that never began has no record of who ran; its log may be of one before it.
    let Ok(Some(began)) = read_json::<PidRecord>(&ShimFiles::new(&dir).pid()) else { return reason };
    if matches!(record.exit, ExitCause::CouldNotStart(_)) {
        return reason;
    }
    let mut lines = ShimLog::new(&dir).look().unwrap_or_default();
    lines.retain(|line| is_of_run(line, began.started_at));
    let own = own(Some(record.at.since(began.started_at)), full_ramdisks(ramdisks), &lines);
    refined(reason, &lines).with_detail(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::engine::model::OutputStream;

    fn line(text: &str) -> RawLogLine {
        RawLogLine { at_unix_nanos: 1, stream: OutputStream::Stdout, text: text.to_owned() }
    }

    #[test]
    fn an_end_says_how_long_it_took_and_the_last_words() {
        let lines = ["one", "two", "three ", &"x".repeat(1000)].map(line);
        let said = own(Some(Duration::from_micros(41_900)), None, &lines);
        assert_eq!(said, format!("after 41ms; last output: two | three | {}", "x".repeat(LINE_MAX_CHARS)));
        assert_eq!(own(Some(Duration::from_millis(61_400)), None, &[]), "after 1m1s");
        assert_eq!(own(Some(Duration::from_micros(300)), Some("x is full".to_owned()), &[]), "at once; x is full");
        assert_eq!(own(None, None, &[]), "");
    }
}
