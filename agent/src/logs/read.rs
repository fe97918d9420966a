//! Logs of many nodes, as one stream.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{Stream, StreamExt as _};
use throng_common::error_chain::chain;
use throng_common::ids::{Incarnation, NodeName};
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
use crate::shim::record::ProcessId;

/// Entries on their way to a caller who reads slowly: then the readers wait.
const QUEUE_MAX: usize = 1024;
/// Most bytes of one node's lines that are given of what was there at first. Lines to come are not bounded: their caller
/// slows them down.
const NODE_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Logs read at once. Those that are only followed cost little and are not counted.
const READS_AT_ONCE: usize = 8;
/// How often a process node's log is looked at while it is followed.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(100);

/// How often is looked whether a node whose process has ended runs again.
const RETURN_INTERVAL: Duration = Duration::from_millis(200);

/// How often is looked whether a log that cannot be read is that of a node that is being replaced.
const REPLACED_LOOKS: u32 = 10;

/// Where a node is, at the moment of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// There is no such node.
    Gone,
    /// It has not run yet.
    Nowhere,
    /// Where it runs, or ran last.
    At {
        /// Where.
        target: Target,
        /// Tells its lives apart: another one with every start.
        life: Life,
    },
}

/// A node's incarnation, and how often it was started again since.
pub type Life = (Incarnation, u32);

/// Tells where a node is.
pub type Whereabouts = Arc<dyn Fn() -> Place + Send + Sync>;

/// Reads the logs of many nodes. Lines of one node are in order; nodes are mixed. The stream ends when all are read, or,
/// when they are followed, when no node is there any more: one that is started again is followed on. Dropping it ends the
/// reading.
pub fn read_all(
    means: Means,
    nodes: Vec<(NodeName, Whereabouts)>,
    query: LogQuery,
) -> impl Stream<Item = LogEntry> + Send {
    let (entries, queue) = mpsc::channel(QUEUE_MAX);
    let query = Arc::new(query);
    let turns = Arc::new(Semaphore::new(READS_AT_ONCE));
    for (node, whereabouts) in nodes {
        let (means, query, entries) = (means.clone(), Arc::clone(&query), entries.clone());
        let given_nanos = query.after.get(&node).copied();
        let reader = Reader { means, node, query, entries, whereabouts, given_nanos, given_of: None };
        let turns = Arc::clone(&turns);
        // Ends by itself when the stream is dropped: its next entry finds no taker.
        tokio::spawn(async move { reader.run(&turns).await });
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
    whereabouts: Whereabouts,
    /// The time of the last line that was looked at; none before what there was at first was read.
    given_nanos: Option<u64>,
    /// The container whose lines were looked at: to another one's, that time says nothing.
    given_of: Option<ContainerId>,
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
    async fn run(mut self, turns: &Semaphore) {
        let mut place = (self.whereabouts)();
        loop {
            let result = match &place {
                Place::Gone => return,
                // A node that never ran has no lines; that is no error.
                Place::Nowhere => Ok(()),
                Place::At { target: Target::Container { id, .. }, .. } => self.container(id, turns).await,
                Place::At { target: Target::Process { dir }, .. } => self.process(dir, turns).await,
            };
            match result {
                Ok(()) if self.query.follow => {}
                Ok(()) | Err(Stop::CallerGone) => return,
                Err(Stop::Failed(_)) if self.query.follow && self.is_replaced(&place).await => {}
                Err(Stop::Failed(error)) => {
                    // Nobody may be left to hear it.
                    let _ = self.send(LogEntryKind::Failed(chain(&error))).await;
                    return;
                }
            }
            let Some(next) = self.next(&place).await else { return };
            place = next;
        }
    }

    /// Whether what could not be read was replaced in the midst of it: that is told a moment later.
    async fn is_replaced(&self, place: &Place) -> bool {
        for _ in 0..REPLACED_LOOKS {
            if (self.whereabouts)() != *place {
                return true;
            }
            sleep(RETURN_INTERVAL).await;
        }
        false
    }

    /// Where the node is once something has become of it, also where that is over already; none when it is gone, or nobody
    /// listens any more.
    async fn next(&self, ended: &Place) -> Option<Place> {
        loop {
            tokio::select! {
                () = self.entries.closed() => return None,
                () = sleep(RETURN_INTERVAL) => {}
            }
            let place = (self.whereabouts)();
            let runs = match &place {
                Place::Gone => return None,
                Place::Nowhere => false,
                Place::At { target: Target::Container { process, .. }, .. } => process.is_some_and(ProcessId::is_alive),
                Place::At { target: Target::Process { dir }, .. } => is_up(dir),
            };
            if runs || place != *ended {
                return Some(place);
            }
        }
    }

    async fn send(&self, kind: LogEntryKind) -> Result<(), CallerGone> {
        self.entries.send(LogEntry { node: self.node.clone(), kind }).await.map_err(|_| CallerGone)
    }

    /// Gives what was selected of what there was at first.
    async fn send_selection(&mut self, selection: Selection<'_>) -> Result<(), CallerGone> {
        self.given_nanos = Some(selection.last_nanos);
        if selection.omitted > 0 {
            self.send(LogEntryKind::Omitted { lines: selection.omitted }).await?;
        }
        for line in selection.into_lines() {
            self.send(LogEntryKind::Line(line)).await?;
        }
        Ok(())
    }

    async fn send_new(&mut self, line: RawLogLine) -> Result<(), CallerGone> {
        // Two threads stamp the lines of a process: they need not come in the order of their times.
        self.given_nanos = self.given_nanos.max(Some(line.at_unix_nanos));
        if is_wanted(&self.query, &line) { self.send(LogEntryKind::Line(line)).await } else { Ok(()) }
    }

    async fn container(&mut self, id: &ContainerId, turns: &Semaphore) -> Result<(), Stop> {
        let engine = Arc::clone(self.means.engine()?);
        if self.given_nanos.is_none() {
            let query = Arc::clone(&self.query);
            let mut selection = Selection::new(&query, NODE_MAX_BYTES);
            {
                let _turn = turns.acquire().await.expect("the semaphore is never closed");
                // The engine counts lines before they are matched: with a pattern it must give them all.
                // One line at least: by its time is known from where on to follow.
                let tail = self.query.tail.filter(|_| self.query.grep.is_none()).map(|tail| tail.max(1) as u64);
                let mut lines = engine.logs(id, LogOptions { tail, since: self.query.since, follow: false });
                while let Some(line) = lines.next().await {
                    selection.add(line?);
                }
            }
            self.send_selection(selection).await?;
        }
        if !self.query.follow {
            return Ok(());
        }
        // From the second of the last line on: what was given already is known by its nanosecond.
        let is_another = self.given_of.as_ref().is_some_and(|of| of != id);
        let given = if is_another { 0 } else { self.given_nanos.unwrap_or_default() };
        let since = (given > 0).then_some(UnixMillis(given / 1_000_000));
        let since = if is_another { None } else { since.or(self.query.since) };
        self.given_of = Some(id.clone());
        let _place = self.means.followers.enter()?;
        let mut lines = engine.logs(id, LogOptions { tail: None, since, follow: true });
        loop {
            tokio::select! {
                // Both are cancel-safe: a stream's next item, and a notice that does not go away.
                () = self.entries.closed() => return Err(Stop::CallerGone),
                line = lines.next() => match line {
                    Some(line) => {
                        let line = line?;
                        if line.at_unix_nanos > given {
                            self.send_new(line).await?;
                        }
                    }
                    None => return Ok(()),
                },
            }
        }
    }

    async fn process(&mut self, dir: &Path, turns: &Semaphore) -> Result<(), Stop> {
        let first = self.given_nanos.is_none();
        let given = self.given_nanos.unwrap_or_default();
        let (log, lines) = {
            let _turn = turns.acquire().await.expect("the semaphore is never closed");
            look(ShimLog::new(dir)).await?
        };
        if first {
            let query = Arc::clone(&self.query);
            let mut selection = Selection::new(&query, NODE_MAX_BYTES);
            for line in lines {
                selection.add(line);
            }
            self.send_selection(selection).await?;
        } else {
            for line in lines.into_iter().filter(|line| line.at_unix_nanos > given) {
                self.send_new(line).await?;
            }
        }
        if self.query.follow { self.follow_process(dir, log).await } else { Ok(()) }
    }

    async fn follow_process(&mut self, dir: &Path, mut log: ShimLog) -> Result<(), Stop> {
        loop {
            // Looked at before the log: what a process wrote before it ended is then read for certain.
            let ends = !is_up(dir);
            let (again, lines) = look(log).await?;
            log = again;
            for line in lines {
                self.send_new(line).await?;
            }
            if self.entries.is_closed() {
                return Err(Stop::CallerGone);
            }
            if ends {
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
