//! The loop: turns sources into events for the core, and its commands into tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use throng_common::error_chain::chain;
use throng_common::host_spec::HostSpec;
use throng_common::ids::ClusterId;
use throng_common::status::{AgentEvent, Reason, ReasonKind, SysctlChange};
use throng_failpoints::{Fault, planted};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod engine;
mod probes;

use probes::Question;

use super::carrying_over::carry_over;
use super::command::{ActOutcome, Acted, Command, Event, Key, Settled, WantedNode};
use super::core::Core;
use super::effects::{Host, Looked};
use super::engine_state::EngineState;
use super::engine_watch::EngineWatch;
use super::letting_go::lets_go;
use super::node_state::Presence;
use super::panics::{contained, or_end};
use crate::board::Board;
use crate::clock;
use crate::host::engine::labels;
use crate::host::engine::model::ContainerId;
use crate::ledger::LedgerError;
use crate::probe::ExecProbe;

/// Events that may wait: the ends of all nodes of a full host at once, several times over.
const QUEUE_EVENTS: usize = 8192;

/// How often process nodes are looked at: they are few, and have no stream that tells their end.
const PROCESS_LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// How often the engine is asked whether it still answers, the kernel whether containers' processes are there, and
/// everything is looked at again while something is not known.
const ENGINE_LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// The side of whoever wants something of the loop.
#[derive(Debug, Clone)]
pub struct ReconcileHandle {
    requests: mpsc::Sender<Request>,
}

#[derive(Debug)]
enum Request {
    Apply(Box<Wish>, oneshot::Sender<Result<(), ApplyError>>),
    Wanted(Key, oneshot::Sender<Option<Arc<WantedNode>>>),
    Occupied(oneshot::Sender<BTreeSet<ClusterId>>),
    Idle(oneshot::Sender<bool>),
}

/// A desired state, and what the coordinator remembers of this host's settings.
#[derive(Debug)]
struct Wish {
    spec: HostSpec,
    remembered: Vec<SysctlChange>,
}

/// Why a desired state is refused.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// An older one than what is held.
    #[error("the host holds epoch {held_epoch}, generation {held}: {given} of epoch {given_epoch} is older")]
    Older {
        /// The epoch that is held.
        held_epoch: u64,
        /// The generation that is held.
        held: u64,
        /// The epoch that was given.
        given_epoch: u64,
        /// The generation that was given.
        given: u64,
    },
    /// It is for another host or fleet.
    #[error("this is host {own}, the desired state is for {given}")]
    OtherHost {
        /// This fleet and host.
        own: String,
        /// The fleet and host that it is for.
        given: String,
    },
    /// It could not be kept.
    #[error("the desired state could not be written to the ledger")]
    Ledger(#[from] LedgerError),
    /// The agent is ending.
    #[error("the agent is ending")]
    Ending,
}

impl ReconcileHandle {
    /// Takes a whole desired state: it is on disk when this returns. `remembered` are settings that this host's agents
    /// changed, for one that has lost its ledger.
    pub async fn apply(&self, spec: HostSpec, remembered: Vec<SysctlChange>) -> Result<(), ApplyError> {
        let wish = Box::new(Wish { spec, remembered });
        self.ask(|reply| Request::Apply(wish, reply)).await.unwrap_or(Err(ApplyError::Ending))
    }

    /// What is wanted of a node.
    pub async fn wanted(&self, key: Key) -> Option<Arc<WantedNode>> {
        self.ask(|reply| Request::Wanted(key, reply)).await.flatten()
    }

    /// The clusters that are wanted or of which something is known to be left: the loop's own business. None: the agent
    /// is ending.
    pub async fn occupied(&self) -> Option<BTreeSet<ClusterId>> {
        self.ask(Request::Occupied).await
    }

    /// Whether nothing is wanted and nothing is left.
    pub async fn is_idle(&self) -> bool {
        self.ask(Request::Idle).await.unwrap_or(true)
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply)).await.ok()?;
        answer.await.ok()
    }
}

/// Makes what runs a node's exec probe.
pub type MakeExec = Arc<dyn Fn(&Key) -> Arc<dyn ExecProbe> + Send + Sync>;

/// What the loop works with.
pub struct ReconcileTask {
    core: Core,
    host: Arc<Host>,
    board: Arc<Board>,
    probes: BTreeMap<Key, AbortHandle>,
    make_exec: MakeExec,
    tasks: TaskTracker,
    events: mpsc::Sender<News>,
    spec: Option<HostSpec>,
    /// Why the newest desired state is not on disk.
    ledger_problem: Option<Reason>,
    /// What was said last of the host's settings.
    warned: Vec<Reason>,
    watch: EngineWatch,
    /// Ends that the engine told of containers on which work was under way, with what it said of the code.
    early_ends: BTreeMap<Key, (ContainerId, Option<i64>)>,
}

/// What comes back from the loop's own tasks.
#[derive(Debug)]
enum News {
    /// Something for the core.
    Happened(Event),
    /// What was believed of a container does not hold any more.
    Stale,
    /// Everything was looked at.
    Looked { began: u64, looked: Looked },
    /// The engine was asked after these.
    Checked { asked: Vec<Key>, state: EngineState, unanswered: Vec<Key> },
}

/// Starts the loop. It ends when `stop` is cancelled; nodes go on.
pub fn spawn(
    host: Arc<Host>,
    board: Arc<Board>,
    make_exec: MakeExec,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> Result<ReconcileHandle, LedgerError> {
    let (events, inbox) = mpsc::channel(QUEUE_EVENTS);
    let (requests, wishes) = mpsc::channel(16);
    if let Err(error) = host.take_back_noted_sysctls() {
        // A full disk must not keep an agent from taking things down.
        tracing::warn!(error = chain(&error), "settings that were noted are not in the ledger");
    }
    let spec = host.parts().ledger.spec()?;
    let mut task = ReconcileTask {
        core: Core::default(),
        host,
        board,
        probes: BTreeMap::new(),
        make_exec,
        tasks: tasks.clone(),
        events,
        spec: None,
        ledger_problem: None,
        warned: Vec::new(),
        watch: EngineWatch::default(),
        early_ends: BTreeMap::new(),
    };
    if let Some(spec) = spec {
        task.adopt_spec(spec);
    }
    tasks.spawn(or_end("the loop over all nodes", task.run(inbox, wishes, stop)));
    Ok(ReconcileHandle { requests })
}

impl ReconcileTask {
    async fn run(
        mut self,
        mut inbox: mpsc::Receiver<News>,
        mut wishes: mpsc::Receiver<Request>,
        stop: CancellationToken,
    ) {
        let label = format!("{}={}", labels::FLEET, self.host.parts().fleet);
        let mut engine = self.host.parts().engine.events(&label);
        let mut process_look = tokio::time::interval(PROCESS_LOOK_INTERVAL);
        process_look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut engine_look = tokio::time::interval(ENGINE_LOOK_INTERVAL);
        engine_look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // Nothing is decided before it is known what there is.
        let (began, looked) = (self.core.begin_look(), engine::look(&self.host).await);
        self.looked(began, looked);
        loop {
            let wake = self.core.wake_at().map(|at| at.since(clock::uptime()));
            // Every arm is cancel safe: channels, a stream polled by reference, and timers.
            let event = tokio::select! {
                () = stop.cancelled() => break,
                Some(request) = wishes.recv() => { self.request(request); continue }
                Some(news) = inbox.recv() => { self.news(news); continue }
                Some(event) = engine.next() => { self.engine_event(event); continue }
                // Containers tell their ends by themselves: without a process there is nothing to wake up for.
                _ = process_look.tick(), if self.has_processes() => { self.look_at_processes(); continue }
                () = tokio::time::sleep(wake.unwrap_or_default()), if wake.is_some() => Event::Tick,
                _ = engine_look.tick() => { self.look_at_engine(); continue }
            };
            self.tell(event);
        }
        for probe in self.probes.values() {
            probe.abort();
        }
    }

    fn adopt_spec(&mut self, spec: HostSpec) {
        let host = Arc::clone(&self.host);
        host.set_generation(spec.generation);
        let otherwise = self.core.set_spec(&spec, |cluster, at| {
            let node = &cluster.nodes[at];
            let key = Key { cluster: cluster.cluster.clone(), node: node.name.clone() };
            let wanted = WantedNode { spec: node.clone(), digest: String::new(), address: cluster.address };
            host.digest(&key, &wanted)
        });
        for key in otherwise {
            self.remember_stop(&key);
        }
        self.spec = Some(spec);
    }

    /// Has the ledger know how a running node is to be stopped from now on.
    fn remember_stop(&self, key: &Key) {
        let Some(wanted) = self.core.wanted(key) else { return };
        if let Err(error) = self.host.parts().ledger.record_stop(&key.cluster, &key.node, &wanted.spec.stop) {
            // It holds for this agent's life; the next one would stop the node in the older way.
            tracing::warn!(node = %key, error = chain(&error), "how the node is to be stopped could not be written down");
        }
    }

    fn request(&mut self, request: Request) {
        match request {
            Request::Apply(wish, reply) => {
                let taken = self.take_spec(*wish);
                let good = taken.is_ok();
                // Whoever asked may have gone away: the desired state holds all the same.
                let _ = reply.send(taken);
                if good {
                    self.tell(Event::Tick);
                    for (key, _) in self.core.nodes() {
                        self.publish(key);
                    }
                }
            }
            Request::Wanted(key, reply) => {
                let _ = reply.send(self.core.wanted(&key).cloned());
            }
            Request::Occupied(reply) => {
                let _ = reply.send(self.core.occupied());
            }
            Request::Idle(reply) => {
                let wanted = self.spec.as_ref().is_some_and(|spec| !spec.clusters.is_empty());
                let _ = reply.send(!wanted && self.core.nodes().next().is_none());
            }
        }
    }

    fn take_spec(&mut self, wish: Wish) -> Result<(), ApplyError> {
        let Wish { mut spec, remembered } = wish;
        let parts = self.host.parts();
        if spec.fleet != parts.fleet {
            let (own, given) = (parts.fleet.to_string(), format!("{}/{}", spec.fleet, spec.host));
            return Err(ApplyError::OtherHost { own, given });
        }
        if let Some(held) = &self.spec
            && (spec.epoch, spec.generation) < (held.epoch, held.generation)
            && !planted(Fault::TakeOlder)
        {
            return Err(ApplyError::Older {
                held_epoch: held.epoch.0,
                held: held.generation.0,
                given_epoch: spec.epoch.0,
                given: spec.generation.0,
            });
        }
        if let Some(held) = &self.spec {
            carry_over(&mut spec, held, &self.core.occupied());
        }
        if self.spec.is_none() {
            self.host.take_back_sysctls(&remembered)?;
        }
        let kept = parts.ledger.set_spec(&spec);
        self.ledger_problem = kept.as_ref().err().map(|error| Reason::new(ReasonKind::Host, chain(error)));
        if let Err(error) = kept {
            // A disk that is full must not keep a host from letting go. What is on disk is older: should this agent die,
            // the next one holds it until the coordinator tells it the same again.
            if !lets_go(self.spec.as_ref(), &spec) {
                return Err(error.into());
            }
            tracing::warn!(error = chain(&error), "the desired state is not on disk; it only lets go, and is followed");
        }
        self.adopt_spec(spec);
        Ok(())
    }

    fn news(&mut self, news: News) {
        match news {
            News::Happened(event) => self.tell(event),
            News::Stale => self.begin_look(),
            News::Looked { began, looked } => {
                self.watch.looking = false;
                self.looked(began, looked);
                if std::mem::take(&mut self.watch.look_again) {
                    self.begin_look();
                }
            }
            News::Checked { asked, state, unanswered } => {
                self.watch.checking = false;
                self.watch.checked(&asked, unanswered);
                let is_well = state == EngineState::Answers && *self.core.engine() != EngineState::Answers;
                let is_back = state.silence().is_none() && self.core.engine().silence().is_some();
                // One that comes back is believed to only when it has said what it has: the look tells.
                if !is_back {
                    self.tell(Event::Engine(state));
                }
                if is_well || is_back {
                    self.begin_look();
                }
            }
        }
    }

    fn tell(&mut self, event: Event) {
        if let Event::Engine(state) = &event
            && !state.is_like(self.core.engine())
        {
            if let Some(reason) = state.problem() {
                tracing::warn!(%reason, "the container engine does not answer as it should");
            } else {
                tracing::info!("the container engine answers again");
            }
        }
        if let Event::Acted(Acted { key, outcome: ActOutcome::Failed { reason, .. }, .. }) = &event
            && reason.kind == ReasonKind::EngineHung
        {
            self.watch.suspect(key.clone());
            self.check_engine();
        }
        if let Event::Settled(settled) = &event {
            for change in &settled.written {
                self.board.publish(AgentEvent::Sysctl(change.clone()));
            }
            self.warn(settled);
        }
        let ended_early = self.ended_early(&event);
        for command in self.core.handle(event, clock::both()) {
            self.carry_out(command);
        }
        if let Some((key, pid, code)) = ended_early {
            self.container_ended(&key, pid, code);
        }
        self.host.ends().of(self.core.count());
        let mut progress = self.core.progress();
        progress.problems.extend(self.ledger_problem.clone());
        progress.problems.extend(self.host.unlimited());
        self.board.publish(AgentEvent::Progress(progress));
    }

    /// Says what is wrong with the host's settings, once: it is looked at again and again as long as it is.
    fn warn(&mut self, settled: &Settled) {
        for warning in settled.warnings.iter().filter(|warning| !self.warned.contains(warning)) {
            tracing::warn!(reason = %warning, "a setting of the host is not as it should be");
        }
        for obstacle in settled.obstacles.iter().filter(|obstacle| !self.warned.contains(obstacle)) {
            tracing::warn!(reason = %obstacle, "the host does not have its settings: no node is started");
        }
        self.warned = settled.warnings.iter().chain(&settled.obstacles).cloned().collect();
    }

    fn carry_out(&mut self, command: Command) {
        let (host, events) = (Arc::clone(&self.host), self.events.clone());
        match command {
            Command::Act(job) => {
                self.tasks.spawn(async move {
                    let (key, action) = (job.key.clone(), job.action);
                    let incarnation = job.wanted.as_ref().map(|wanted| wanted.spec.incarnation);
                    let (outcome, is_known) = contained(host.act(*job)).await;
                    let acted = Acted { key, action, incarnation, outcome };
                    // The loop ends before its workers only when the agent ends.
                    let _ = events.send(News::Happened(Event::Acted(acted))).await;
                    if !is_known {
                        let _ = events.send(News::Stale).await;
                    }
                });
            }
            Command::Settle(settings) => {
                self.tasks.spawn(async move {
                    let settled = host.settle(settings).await;
                    let _ = events.send(News::Happened(Event::Settled(settled))).await;
                });
            }
            Command::Probe { key, pid, wanted, number, is_ready } => {
                self.begin_probe(Question { key, pid, number, is_ready }, &wanted);
            }
            Command::EndProbe(key) => {
                if let Some(probe) = self.probes.remove(&key) {
                    probe.abort();
                }
            }
            // In the loop itself, as all that it writes down: a node that goes next is forgotten after it.
            Command::Record(adopted) => host.record_adopted(&adopted),
            Command::Publish(key) => self.publish(&key),
            Command::Gone(key) => self.board.publish(AgentEvent::Gone { cluster: key.cluster, node: key.node }),
        }
    }

    fn publish(&self, key: &Key) {
        if let Some(status) = self.core.status(key, clock::now()) {
            self.board.publish(AgentEvent::Node(status));
        }
    }

    fn has_processes(&self) -> bool {
        let is_process =
            |presence: &Presence| matches!(presence, Presence::Running(running) if running.container.is_none());
        self.core.nodes().any(|(_, state)| is_process(&state.presence))
    }

    /// Those that have ended say why in a task of its own: the last words of many take a while to be read. One that is
    /// looked at twice meanwhile ends once.
    fn look_at_processes(&self) {
        if planted(Fault::MissEnd) {
            return;
        }
        let running = self.core.nodes().filter(|(_, state)| state.busy.is_none());
        let running = running.filter_map(|(key, state)| match &state.presence {
            Presence::Running(running) if running.container.is_none() => Some((key, running.pid)),
            _ => None,
        });
        for (key, pid) in running.filter(|(key, pid)| self.host.has_process_ended(key, *pid)) {
            let (host, events, key) = (Arc::clone(&self.host), self.events.clone(), key.clone());
            self.tasks.spawn(async move {
                if let Some((reason, failed)) = host.process_ended(&key, pid).await {
                    let _ = events.send(News::Happened(Event::Ended { key, pid, reason, failed })).await;
                }
            });
        }
    }
}
