//! The operations of this coordinator's life.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use throng_common::ids::{ClusterId, Epoch, OperationId, RunId};
use throng_common::status::UnixMillis;
use throng_common::verdict::Outcome;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::event::{Ended, EventSink, NoteLevel, OperationEvent, Stamped};
use super::wish::Wish;
use crate::clock;
use crate::store::OperationRecord;

/// Operations that are remembered: the ended ones among them leave first.
const OPERATIONS_MAX: usize = 200;

/// Events kept of one operation: a run of thousands of tests.
const EVENTS_MAX: usize = 20_000;

/// Beyond so many, progress is no longer kept: what tells how something ended must have room.
const PROGRESS_MAX: usize = EVENTS_MAX / 2;

/// How far apart the numbers of events in two lives of the coordinator are: more than there are in one.
const LIFE_STRIDE: u64 = 1 << 32;

/// Where an operation comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Somebody asked for it in this life.
    Asked,
    /// It was under way when a former life ended; this life's number tells its events from the former ones.
    FormerLife(Epoch),
}

/// What is known of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationInfo {
    /// Its id.
    pub id: OperationId,
    /// The command's word.
    pub verb: &'static str,
    /// To which cluster; none: to what no cluster owns.
    pub cluster: Option<ClusterId>,
    /// Under which its report is stored.
    pub run: Option<RunId>,
    /// Since when.
    pub started: UnixMillis,
    /// How it ended; none: it goes on.
    pub outcome: Option<Outcome>,
}

/// All operations.
#[derive(Debug, Default, Clone)]
pub struct Operations {
    all: Arc<Mutex<All>>,
}

#[derive(Debug)]
struct Shared {
    id: OperationId,
    wish: Wish,
    cluster: Option<ClusterId>,
    started: UnixMillis,
    origin: Origin,
    log: Mutex<Vec<Stamped>>,
    /// How many events there are, to wake followers.
    length: watch::Sender<u64>,
    cancel: CancellationToken,
}

/// The side of the task that does the work.
#[derive(Debug, Clone)]
pub struct OperationHandle {
    shared: Arc<Shared>,
}

/// What came of the wish that an operation begins.
#[derive(Debug, Clone)]
pub enum Begun {
    /// It is there, and somebody must do its work.
    New(OperationHandle),
    /// It has begun before.
    Already(OperationHandle),
}

/// The side of somebody who follows.
#[derive(Debug)]
pub struct Follow {
    shared: Arc<Shared>,
    length: watch::Receiver<u64>,
    /// How many events there were before the next one, in this life.
    next: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is a single insert or push: a panic elsewhere leaves the data sound.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type All = BTreeMap<OperationId, Arc<Shared>>;

fn enter(all: &mut All, shared: Shared) -> Begun {
    let shared = Arc::new(shared);
    if let Some(known) = all.get(&shared.id) {
        return Begun::Already(OperationHandle { shared: Arc::clone(known) });
    }
    while all.len() >= OPERATIONS_MAX {
        let oldest = all.values().filter(|known| known.outcome().is_some()).min_by_key(|known| known.started);
        let Some(id) = oldest.map(|known| known.id.clone()) else { break };
        all.remove(&id);
    }
    all.insert(shared.id.clone(), Arc::clone(&shared));
    Begun::New(OperationHandle { shared })
}

impl Operations {
    /// Begins an operation, unless one of this id has begun already: a request that is repeated begins nothing twice.
    pub fn begin(&self, id: OperationId, wish: Wish, cluster: impl Into<Option<ClusterId>>) -> Begun {
        enter(&mut lock(&self.all), Shared::new(id, wish, cluster.into(), clock::now(), Origin::Asked))
    }

    /// Begins an operation on a cluster, unless another one is at work on it, whose id is given then.
    pub fn begin_alone(&self, id: OperationId, wish: Wish, cluster: ClusterId) -> Result<Begun, OperationId> {
        let mut all = lock(&self.all);
        let at_work = |other: &&Arc<Shared>| {
            other.id != id && other.cluster.as_ref() == Some(&cluster) && other.outcome().is_none()
        };
        match all.values().find(at_work) {
            Some(other) => Err(other.id.clone()),
            None => Ok(enter(&mut all, Shared::new(id, wish, Some(cluster), clock::now(), Origin::Asked))),
        }
    }

    /// Takes an operation in that was under way in a former life, as the journal has it.
    pub fn take_up(&self, record: OperationRecord, life: Epoch) -> Result<OperationHandle, serde_json::Error> {
        let OperationRecord { operation, cluster, started, wish_json, cancelled } = record;
        let wish = serde_json::from_str(&wish_json)?;
        let shared = Shared::new(operation, wish, cluster, started, Origin::FormerLife(life));
        let entered = enter(&mut lock(&self.all), shared);
        let (Begun::New(handle) | Begun::Already(handle)) = entered;
        if cancelled {
            handle.shared.cancel.cancel();
        }
        Ok(handle)
    }

    /// The operation of this id.
    pub fn get(&self, id: &OperationId) -> Option<OperationHandle> {
        lock(&self.all).get(id).map(|shared| OperationHandle { shared: Arc::clone(shared) })
    }

    /// Those that were under way when a former life ended, oldest first.
    pub fn of_former_life(&self) -> Vec<OperationHandle> {
        let is_former = |shared: &&Arc<Shared>| shared.origin != Origin::Asked;
        let mut former: Vec<_> = lock(&self.all).values().filter(is_former).cloned().collect();
        former.sort_by_key(|shared| shared.started);
        former.into_iter().map(|shared| OperationHandle { shared }).collect()
    }

    /// Follows an operation from event number `from` on.
    pub fn follow(&self, id: &OperationId, from: u64) -> Option<Follow> {
        let shared = Arc::clone(lock(&self.all).get(id)?);
        let length = shared.length.subscribe();
        let next = from.saturating_sub(shared.first_number());
        Some(Follow { shared, length, next })
    }

    /// Asks an operation to stop; false where there is none of this id.
    pub fn cancel(&self, id: &OperationId) -> bool {
        let all = lock(&self.all);
        all.get(id).inspect(|shared| shared.cancel.cancel()).is_some()
    }

    /// All operations, oldest first.
    pub fn list(&self) -> Vec<OperationInfo> {
        let mut list: Vec<OperationInfo> = lock(&self.all).values().map(|shared| shared.info()).collect();
        list.sort_by_key(|info| info.started);
        list
    }

    /// The operation that is under way for a cluster.
    pub fn under_way(&self, cluster: &ClusterId) -> Option<OperationInfo> {
        self.list().into_iter().find(|info| info.cluster.as_ref() == Some(cluster) && info.outcome.is_none())
    }
}

impl Shared {
    fn new(id: OperationId, wish: Wish, cluster: Option<ClusterId>, started: UnixMillis, origin: Origin) -> Self {
        let (length, cancel) = (watch::Sender::new(0), CancellationToken::new());
        Self { id, wish, cluster, started, origin, log: Mutex::default(), length, cancel }
    }

    /// The number of its first event.
    fn first_number(&self) -> u64 {
        match self.origin {
            Origin::Asked => 0,
            Origin::FormerLife(life) => life.0.saturating_mul(LIFE_STRIDE),
        }
    }

    fn outcome(&self) -> Option<Outcome> {
        match lock(&self.log).last().map(|stamped| &stamped.event) {
            Some(OperationEvent::Ended(ended)) => Some(ended.outcome),
            _ => None,
        }
    }

    fn info(&self) -> OperationInfo {
        OperationInfo {
            id: self.id.clone(),
            verb: self.wish.verb(),
            cluster: self.cluster.clone(),
            run: self.wish.run().cloned(),
            started: self.started,
            outcome: self.outcome(),
        }
    }
}

impl OperationHandle {
    /// Its id.
    pub fn id(&self) -> &OperationId {
        &self.shared.id
    }

    /// The cluster that it is about; none: what no cluster owns.
    pub fn cluster(&self) -> Option<&ClusterId> {
        self.shared.cluster.as_ref()
    }

    /// What was asked for.
    pub fn wish(&self) -> &Wish {
        &self.shared.wish
    }

    /// Since when it is under way, also in former lives.
    pub fn started(&self) -> UnixMillis {
        self.shared.started
    }

    /// What the journal keeps of it.
    pub fn record(&self) -> OperationRecord {
        let Shared { id, wish, cluster, started, cancel, .. } = &*self.shared;
        OperationRecord {
            operation: id.clone(),
            cluster: cluster.clone(),
            started: *started,
            // Plain values with text keys serialise.
            wish_json: serde_json::to_string(wish).unwrap_or_default(),
            cancelled: cancel.is_cancelled(),
        }
    }

    /// Everything that it said so far.
    pub fn log(&self) -> Vec<Stamped> {
        lock(&self.shared.log).clone()
    }

    /// Ends when somebody asks the operation to stop.
    pub fn cancelled(&self) -> &CancellationToken {
        &self.shared.cancel
    }

    /// Says something.
    pub fn emit(&self, event: OperationEvent) {
        let mut log = lock(&self.shared.log);
        let room = match event {
            OperationEvent::PhaseProgress { .. } => log.len() < PROGRESS_MAX,
            OperationEvent::Ended(_) => true,
            OperationEvent::PhaseStarted { .. }
            | OperationEvent::PhaseEnded { .. }
            | OperationEvent::Note { .. }
            | OperationEvent::TestStarted { .. }
            | OperationEvent::TestEnded { .. } => log.len() < EVENTS_MAX,
        };
        if !room {
            return;
        }
        let count = log.len() as u64;
        log.push(Stamped { number: self.shared.first_number() + count, at: clock::now(), event });
        drop(log);
        self.shared.length.send_replace(count + 1);
    }

    /// Says something worth knowing.
    pub fn note(&self, level: NoteLevel, text: impl Into<String>, hint: impl Into<String>) {
        self.emit(OperationEvent::Note { level, text: text.into(), hint: hint.into() });
    }

    /// The last event.
    pub fn end(&self, ended: Ended) {
        self.emit(OperationEvent::Ended(ended));
    }

    /// Begins a phase.
    pub fn phase(&self, name: impl Into<String>, total: u64) -> Phase {
        let name = name.into();
        self.emit(OperationEvent::PhaseStarted { phase: name.clone(), total });
        Phase { operation: self.clone(), name, total, began: Instant::now(), told: None }
    }
}

impl EventSink for OperationHandle {
    fn emit(&self, event: OperationEvent) {
        Self::emit(self, event);
    }
}

/// A phase of an operation, timed.
#[derive(Debug)]
pub struct Phase {
    operation: OperationHandle,
    name: String,
    total: u64,
    began: Instant,
    told: Option<(u64, String)>,
}

impl Phase {
    /// How far it is. What was said already is not said again.
    pub fn progress(&mut self, done: u64, detail: impl Into<String>) {
        let news = (done, detail.into());
        if self.told.as_ref() == Some(&news) {
            return;
        }
        self.operation.emit(OperationEvent::PhaseProgress {
            phase: self.name.clone(),
            done,
            total: self.total,
            detail: news.1.clone(),
        });
        self.told = Some(news);
    }

    /// How many things it is about; 0: not counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// It ended. Returns how long it took. One that did not come to its aim because it was asked to stop says that, where
    /// there is nothing else to say.
    pub fn end(self, ok: bool, detail: impl Into<String>) -> std::time::Duration {
        let took = self.began.elapsed();
        let mut detail = detail.into();
        if !ok && detail.is_empty() && self.operation.cancelled().is_cancelled() {
            "interrupted".clone_into(&mut detail);
        }
        self.operation.emit(OperationEvent::PhaseEnded { phase: self.name, took, ok, detail });
        took
    }
}

impl Follow {
    /// The next event; none after the last. Cancel safe: an event that is not returned is returned next time.
    pub async fn next(&mut self) -> Option<Stamped> {
        loop {
            let at = usize::try_from(self.next).unwrap_or(usize::MAX);
            let (found, ended) = {
                let log = lock(&self.shared.log);
                let ended = matches!(log.last().map(|last| &last.event), Some(OperationEvent::Ended(_)));
                (log.get(at).cloned(), ended)
            };
            if let Some(stamped) = found {
                self.next += 1;
                return Some(stamped);
            }
            if ended {
                return None;
            }
            let seen = self.next;
            // The sender lives in `shared`, which this holds: the channel cannot close.
            self.length.wait_for(|length| *length > seen).await.ok()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> ClusterId {
        "c-x7k2".parse().unwrap()
    }

    fn begun(operations: &Operations, wish: Wish) -> OperationHandle {
        match operations.begin(OperationId::generate(wish.verb()), wish, cluster()) {
            Begun::New(handle) => handle,
            Begun::Already(handle) => panic!("{} is there already", handle.id()),
        }
    }

    fn ended() -> Ended {
        Ended { outcome: Outcome::Pass, detail: String::new(), residues: vec![], cluster_up: false, begin_again: false }
    }

    #[tokio::test]
    async fn a_late_follower_sees_everything_from_the_beginning_to_the_end() {
        let operations = Operations::default();
        let handle = begun(&operations, Wish::Up);
        handle.phase("plan", 0).end(true, "");
        let mut follow = operations.follow(handle.id(), 0).unwrap();
        let task = tokio::spawn(async move {
            let mut numbers = Vec::new();
            while let Some(stamped) = follow.next().await {
                numbers.push(stamped.number);
            }
            numbers
        });
        tokio::task::yield_now().await;
        handle.note(NoteLevel::Info, "x", "");
        handle.end(ended());
        assert_eq!(task.await.unwrap(), [0, 1, 2, 3]);
        assert_eq!(operations.list()[0].outcome, Some(Outcome::Pass));
    }

    #[test]
    fn progress_without_end_never_takes_the_room_of_how_a_test_ended() {
        let operations = Operations::default();
        let handle = begun(&operations, Wish::Up);
        let mut phase = handle.phase("tests", 0);
        for done in 0..EVENTS_MAX as u64 * 2 {
            phase.progress(done, "");
        }
        let (test, detail) = ("holds".to_owned(), String::new());
        handle.emit(OperationEvent::TestEnded { test, verdict: None, took: std::time::Duration::ZERO, detail });
        let last = handle.log().pop().unwrap().event;
        assert!(matches!(last, OperationEvent::TestEnded { .. }), "{last:?}");
    }

    #[tokio::test]
    async fn ended_operations_make_room_and_running_ones_stay() {
        let operations = Operations::default();
        let running = begun(&operations, Wish::Up);
        for _ in 0..OPERATIONS_MAX + 5 {
            begun(&operations, Wish::Down).end(ended());
        }
        assert!(operations.list().len() <= OPERATIONS_MAX);
        assert!(operations.follow(running.id(), 0).is_some());
        assert!(operations.cancel(running.id()) && running.cancelled().is_cancelled());
    }

    #[tokio::test]
    async fn who_followed_in_a_former_life_hears_all_that_is_said_in_this_one() {
        let asked = begun(&Operations::default(), Wish::Down);
        for _ in 0..5 {
            asked.note(NoteLevel::Info, "x", "");
        }
        let last = asked.log().pop().unwrap().number;
        let operations = Operations::default();
        let handle = operations.take_up(asked.record(), Epoch(2)).unwrap();
        handle.note(NoteLevel::Info, "y", "");
        handle.end(ended());
        let mut follow = operations.follow(asked.id(), last + 1).unwrap();
        let (first, second) = (follow.next().await.unwrap(), follow.next().await.unwrap());
        assert!(first.number > last && second.number == first.number + 1 && follow.next().await.is_none());
        let mut again = operations.follow(asked.id(), second.number).unwrap();
        assert_eq!(again.next().await.unwrap(), second, "in the same life it goes on where it was");
        assert_eq!(operations.of_former_life().len(), 1);
    }

    #[test]
    fn what_has_begun_under_an_id_begins_no_second_time() {
        let operations = Operations::default();
        let first = begun(&operations, Wish::Up);
        let again = operations.begin(first.id().clone(), Wish::Up, cluster());
        assert!(matches!(again, Begun::Already(known) if known.id() == first.id()));
        assert_eq!(operations.list().len(), 1);
    }

    #[test]
    fn one_operation_at_a_time_is_at_work_on_a_cluster_and_a_repeated_request_is_the_same_one() {
        let operations = Operations::default();
        let (id, other) = (OperationId::generate("restart"), OperationId::generate("reset"));
        let alone = |id: &OperationId| operations.begin_alone(id.clone(), Wish::Restart, cluster());
        let Ok(Begun::New(handle)) = alone(&id) else { panic!("nothing is at work") };
        assert!(matches!(alone(&id), Ok(Begun::Already(_))));
        assert_eq!(alone(&other).unwrap_err(), id);
        let elsewhere = operations.begin_alone(other.clone(), Wish::Restart, "d-y8m3".parse().unwrap());
        assert!(matches!(elsewhere, Ok(Begun::New(_))));
        handle.end(ended());
        assert!(matches!(alone(&OperationId::generate("scale")), Ok(Begun::New(_))));
    }
}
