//! Logs of many nodes, as one stream.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{Stream, StreamExt as _};
use throng_common::error_chain::chain;
use throng_common::ids::NodeName;
use throng_common::status::UnixMillis;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;

use super::query::{LogEntry, LogEntryKind, LogQuery};
use super::select::{Selection, is_wanted};
use super::shim_log::ShimLog;
use crate::exec::target::{Means, Target, TargetError, kernel};
use crate::host::engine::model::{ContainerId, LogOptions, RawLogLine};
use crate::resources::process::observe::{ProcessState, observe};

/// Entries on their way to a caller who reads slowly: then the readers wait.
const QUEUE_MAX: usize = 1024;
/// Most bytes of one node's lines that are given of what was there at first. Lines to come are not bounded: their caller
/// slows them down.
const NODE_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Logs read at once. Those that are only followed cost little and are not counted.
const READS_AT_ONCE: usize = 8;
/// How often a process node's log is looked at while it is followed.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(100);

/// Reads the logs of many nodes. Lines of one node are in order; nodes are mixed. The stream ends when all are read, or,
/// when they are followed, when no node's process runs any more. Dropping it ends the reading.
pub fn read_all(
    means: Means,
    nodes: Vec<(NodeName, Option<Target>)>,
    query: LogQuery,
) -> impl Stream<Item = LogEntry> + Send {
    let (entries, queue) = mpsc::channel(QUEUE_MAX);
    let query = Arc::new(query);
    let turns = Arc::new(Semaphore::new(READS_AT_ONCE));
    for (node, target) in nodes {
        let reader = Reader { means: means.clone(), node, query: Arc::clone(&query), entries: entries.clone() };
        let turns = Arc::clone(&turns);
        // Ends by itself when the stream is dropped: its next entry finds no taker.
        tokio::spawn(async move { reader.run(target, &turns).await });
    }
    ReceiverStream::new(queue)
}

/// The caller is gone.
struct CallerGone;

struct Reader {
    means: Means,
    node: NodeName,
    query: Arc<LogQuery>,
    entries: mpsc::Sender<LogEntry>,
}

/// Why a node's reading ends early.
enum Stop {
    CallerGone,
    Failed(TargetError),
}

impl From<CallerGone> for Stop {
    fn from(_: CallerGone) -> Self {
        Self::CallerGone
    }
}

impl<E: Into<TargetError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Reader {
    async fn run(self, target: Option<Target>, turns: &Semaphore) {
        let result = match target {
            // A node that never ran has no lines; that is no error.
            None => Ok(()),
            Some(Target::Container { id, .. }) => self.container(&id, turns).await,
            Some(Target::Process { dir }) => self.process(dir, turns).await,
        };
        if let Err(Stop::Failed(error)) = result {
            // Nobody may be left to hear it.
            let _ = self.send(LogEntryKind::Failed(chain(&error))).await;
        }
    }

    async fn send(&self, kind: LogEntryKind) -> Result<(), CallerGone> {
        self.entries.send(LogEntry { node: self.node.clone(), kind }).await.map_err(|_| CallerGone)
    }

    /// Gives what was selected; the time of the last line seen.
    async fn send_selection(&self, selection: Selection<'_>) -> Result<u64, CallerGone> {
        let last_nanos = selection.last_nanos;
        if selection.omitted > 0 {
            self.send(LogEntryKind::Omitted { lines: selection.omitted }).await?;
        }
        for line in selection.into_lines() {
            self.send(LogEntryKind::Line(line)).await?;
        }
        Ok(last_nanos)
    }

    async fn send_new(&self, line: RawLogLine) -> Result<(), CallerGone> {
        if is_wanted(&self.query, &line) { self.send(LogEntryKind::Line(line)).await } else { Ok(()) }
    }

    async fn container(&self, id: &ContainerId, turns: &Semaphore) -> Result<(), Stop> {
        let engine = Arc::clone(self.means.engine()?);
        let mut selection = Selection::new(&self.query, NODE_MAX_BYTES);
        {
            let _turn = turns.acquire().await.expect("the semaphore is never closed");
            // The engine counts lines before they are matched: with a pattern it must give them all.
            let tail = self.query.tail.filter(|_| self.query.grep.is_none()).map(|tail| tail as u64);
            let mut lines = engine.logs(id, LogOptions { tail, since: self.query.since, follow: false });
            while let Some(line) = lines.next().await {
                selection.add(line?);
            }
        }
        let last_nanos = self.send_selection(selection).await?;
        if !self.query.follow {
            return Ok(());
        }
        // From the second of the last line on: what was given already is known by its nanosecond.
        let since = (last_nanos > 0).then_some(UnixMillis(last_nanos / 1_000_000)).or(self.query.since);
        let mut lines = engine.logs(id, LogOptions { tail: None, since, follow: true });
        loop {
            tokio::select! {
                // Both are cancel-safe: a stream's next item, and a notice that does not go away.
                () = self.entries.closed() => return Err(Stop::CallerGone),
                line = lines.next() => match line {
                    Some(line) => {
                        let line = line?;
                        if line.at_unix_nanos > last_nanos {
                            self.send_new(line).await?;
                        }
                    }
                    None => return Ok(()),
                },
            }
        }
    }

    async fn process(&self, dir: PathBuf, turns: &Semaphore) -> Result<(), Stop> {
        let mut selection = Selection::new(&self.query, NODE_MAX_BYTES);
        let log = {
            let _turn = turns.acquire().await.expect("the semaphore is never closed");
            let (log, lines) = look(ShimLog::new(&dir)).await?;
            for line in lines {
                selection.add(line);
            }
            log
        };
        self.send_selection(selection).await?;
        if self.query.follow { self.follow_process(&dir, log).await } else { Ok(()) }
    }

    async fn follow_process(&self, dir: &Path, mut log: ShimLog) -> Result<(), Stop> {
        loop {
            // Looked at before the log: what a process wrote before it ended is then read for certain.
            let ends = !is_up(dir);
            let (again, lines) = look(log).await?;
            log = again;
            for line in lines {
                self.send_new(line).await?;
            }
            if ends || self.entries.is_closed() {
                return Ok(());
            }
            sleep(FOLLOW_INTERVAL).await;
        }
    }
}

/// A look at a log, on a thread that may block.
async fn look(mut log: ShimLog) -> Result<(ShimLog, Vec<RawLogLine>), TargetError> {
    let failed = kernel("read the node's log");
    let looked = tokio::task::spawn_blocking(move || log.look().map(|lines| (log, lines))).await;
    looked.map_err(std::io::Error::other).and_then(|result| result).map_err(failed)
}

/// Whether a process node has a shim at work; one whose folder cannot be read has none.
fn is_up(dir: &Path) -> bool {
    observe(dir).is_ok_and(|seen| match seen.state {
        ProcessState::Starting | ProcessState::Running(_) | ProcessState::Ending(_) => true,
        ProcessState::Absent | ProcessState::Ended(_) | ProcessState::Lost => false,
    })
}
