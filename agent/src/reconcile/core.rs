//! The core: all that is known, and what follows from it. No effects; time is data.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use throng_common::host_spec::{ClusterSpec, DesiredState, Workload};
use throng_common::ids::{ClusterId, Generation, Incarnation};
use throng_common::status::{NodePhase, NodeStatus, Reason, UnixMillis};

mod attending;
mod found;
mod standing;
mod wishes;

use super::agenda::Agenda;
use super::command::{ActOutcome, Acted, Command, Event, HostSettings, Job, Key, WantedNode};
use super::decide::{Decision, Wanted, decide, retry_at};
use super::engine_state::{EngineState, needs_engine};
use super::node_state::{Action, NodeState, Presence, Strays};
use super::pacer::Pacer;
use super::settling::{Next, Settling};
use super::warming::Warming;
use crate::clock::{Now, Uptime};
use crate::probe::ProbeNews;

/// All that is known.
#[derive(Debug, Default)]
pub struct Core {
    generation: Generation,
    /// Whether anything was ever wanted: before that, what is found is looked at and left. A ledger that was lost must
    /// not end what runs.
    told: bool,
    clusters: BTreeMap<ClusterId, Arc<ClusterSpec>>,
    wanted: BTreeMap<Key, Arc<WantedNode>>,
    /// Clusters of which it was said what is wanted: a part here, or that they leave. All others stay as they are found.
    named: BTreeSet<ClusterId>,
    nodes: BTreeMap<Key, NodeState>,
    /// Nodes whose removal went to its end: nothing of them is left.
    clean: BTreeSet<Key>,
    /// How many nodes there are of each cluster, wanted or not.
    occupied: BTreeMap<ClusterId, usize>,
    /// Nodes that changed since the last plan.
    touched: BTreeSet<Key>,
    agenda: Agenda,
    warming: Warming,
    /// Nodes that are worked on, wait for another try, or must go.
    unsettled: BTreeSet<Key>,
    settings: Settling,
    pacer: Pacer,
    engine: EngineState,
    /// Nodes that wait for an engine that is silent.
    held_up: BTreeSet<Key>,
    /// Why process nodes could not all be seen, at the last look.
    unseen: Vec<Reason>,
    /// Whether their folders were ever listed.
    saw_processes: bool,
    /// Why they could not be, while they never were: what runs there nobody knows, so none is started or taken away.
    blind: Option<Reason>,
    /// Events so far.
    moment: u64,
    /// At which of them work on a node, or the node itself, last came to an end.
    ended_at: BTreeMap<Key, u64>,
    /// Whether a look is under way: it may still see nodes that are forgotten meanwhile.
    looking: bool,
    /// When to look again although nothing happened.
    wake_at: Option<Uptime>,
}

/// The wait before what could not be done, and must be, is tried again, in milliseconds: settings, stops, removals.
const RETRY_MILLIS: u64 = 5_000;

impl Core {
    /// Takes note of what happened, and says what is to be done.
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Command> {
        let mut commands = Vec::new();
        self.moment += 1;
        match event {
            Event::Tick => {}
            Event::Acted(acted) => self.acted(acted, now, &mut commands),
            Event::Settled(settled) => {
                let before = self.settings.obstacle().cloned();
                self.settings.settled(settled, soon(now.uptime));
                if self.settings.obstacle() != before.as_ref() {
                    self.publish_waiting(&mut commands);
                }
            }
            Event::Ended { key, pid, reason, failed } => {
                let known = self
                    .nodes
                    .get(&key)
                    .is_some_and(|state| matches!(&state.presence, Presence::Running(running) if running.pid == pid));
                if known {
                    self.ended(&key, reason, failed, now.uptime, &mut commands);
                }
            }
            Event::Probed { key, number, news } => self.probed(key, number, news, now.wall, &mut commands),
            Event::Found { began, found, unseen } => self.found(began, found, unseen, now, &mut commands),
            Event::Vanished { key, pid, reason } => self.vanished(&key, pid, reason, &mut commands),
            Event::Engine(engine) => self.engine_is(engine, &mut commands),
        }
        self.plan(now, &mut commands);
        commands
    }

    /// When to look again although nothing happened.
    pub fn wake_at(&self) -> Option<Uptime> {
        self.wake_at
    }

    /// How the engine stands.
    pub fn engine(&self) -> &EngineState {
        &self.engine
    }

    /// Whether there are nodes of which nobody knows how they are.
    pub fn has_unknown(&self) -> bool {
        !self.unseen.is_empty()
            || self.nodes.values().any(|state| state.busy.is_none() && state.presence == Presence::Unknown)
    }

    /// How many nodes there are here, wanted or not.
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// All clusters that have a part here.
    pub fn clusters(&self) -> impl Iterator<Item = &ClusterId> {
        self.clusters.keys()
    }

    /// What is known of a node.
    pub fn node(&self, key: &Key) -> Option<&NodeState> {
        self.nodes.get(key)
    }

    /// All nodes.
    pub fn nodes(&self) -> impl Iterator<Item = (&Key, &NodeState)> {
        self.nodes.iter()
    }

    /// What is wanted of a node.
    pub fn wanted(&self, key: &Key) -> Option<&Arc<WantedNode>> {
        self.wanted.get(key)
    }

    /// How a node stands.
    pub fn status(&self, key: &Key, now: UnixMillis) -> Option<NodeStatus> {
        let state = self.nodes.get(key)?;
        let running = if let Presence::Running(running) = &state.presence { Some(running) } else { None };
        let container = match &state.presence {
            Presence::Running(running) => running.container.as_ref(),
            Presence::Created { container, .. } => Some(container),
            Presence::Ended { container, .. } => container.as_ref(),
            Presence::Absent | Presence::Unknown => None,
        };
        Some(NodeStatus {
            cluster: key.cluster.clone(),
            node: key.node.clone(),
            phase: self.phase(key, state),
            reason: state.reason.clone().or_else(|| self.waits_for(key, state)),
            incarnation: state.incarnation,
            restarts: state.restarts,
            container_id: container.map(|id| id.as_str().to_owned()),
            image_id: running.and_then(|running| running.image_id.clone()),
            pid: running.map(|running| running.pid),
            started_at: state.started_at,
            ready_at: state.ready_at,
            observed_at: now,
        })
    }

    fn phase(&self, key: &Key, state: &NodeState) -> NodePhase {
        let wanted = self.wanted.get(key).is_some_and(|wanted| wanted.spec.desired == DesiredState::Running);
        state.phase(wanted)
    }

    /// What a node waits for that is neither there nor worked on: the host's settings, a silent engine, or folders that
    /// cannot be listed.
    fn waits_for(&self, key: &Key, state: &NodeState) -> Option<Reason> {
        let wanted = self.wanted.get(key).filter(|wanted| wanted.spec.desired == DesiredState::Running)?;
        if state.busy.is_some() || matches!(state.presence, Presence::Running(_)) {
            return None;
        }
        let engine = self.engine.silence().filter(|_| needs_engine(Some(&wanted.spec.workload), &state.presence));
        let unseen = self.blind.as_ref().filter(|_| matches!(wanted.spec.workload, Workload::Process(_)));
        self.settings.obstacle().or(engine).or(unseen).cloned()
    }

    /// What holds nodes up is another thing than before: they say so.
    fn publish_waiting(&self, commands: &mut Vec<Command>) {
        let waiting = self.nodes.iter().filter(|(_, state)| !matches!(state.presence, Presence::Running(_)));
        commands.extend(waiting.map(|(key, _)| Command::Publish(key.clone())));
    }

    /// Takes note of what the host as a whole must have, when its clusters or those of which nodes are left changed.
    fn want_settings(&mut self) {
        let occupied = self.occupied.keys().cloned().collect();
        let clusters = self.clusters.values().cloned().collect();
        self.settings.want(HostSettings { clusters, occupied, blind: self.blind.is_some() });
    }

    fn acted(&mut self, acted: Acted, now: Now, commands: &mut Vec<Command>) {
        let Acted { key, action, incarnation, outcome } = acted;
        match action {
            Action::Start | Action::Replace => self.pacer.start_ended(),
            Action::Stop => self.pacer.stop_ended(),
            Action::Remove => self.pacer.removal_ended(),
        }
        let Some(state) = self.nodes.get_mut(&key) else { return };
        self.touched.insert(key.clone());
        self.ended_at.insert(key.clone(), self.moment);
        state.busy = None;
        let wanted = self.wanted.get(&key);
        // It follows what was wanted when the work began, which is what the ledger has: a newer wish is still to come.
        let followed = incarnation.unwrap_or(state.incarnation);
        match outcome {
            ActOutcome::Started(running) => {
                state.started(running, followed, wanted.is_some_and(|wanted| wanted.probe().is_some()), now);
                state.unrecorded = false;
            }
            ActOutcome::Stopped(presence) => {
                state.presence = presence;
                state.ready = false;
                state.begin_anew();
            }
            ActOutcome::Removed => {
                state.presence = Presence::Absent;
                state.strays = Strays::None;
                state.begin_anew();
                self.clean.insert(key.clone());
            }
            ActOutcome::Failed { reason, presence, strays } => {
                if let Some(presence) = presence {
                    state.presence = presence;
                }
                if let Some(strays) = strays {
                    state.strays = strays;
                }
                failed(state, action, followed, reason, wanted, now.uptime);
            }
        }
        commands.push(Command::Publish(key));
    }

    fn ended(&mut self, key: &Key, reason: Reason, failed: bool, now: Uptime, commands: &mut Vec<Command>) {
        let Some(state) = self.nodes.get_mut(key) else { return };
        self.touched.insert(key.clone());
        commands.push(Command::EndProbe(key.clone()));
        // While it is being stopped or restarted its end is no news: the work's outcome tells.
        if state.busy.is_some() {
            return;
        }
        self.ended_at.insert(key.clone(), self.moment);
        state.ended(reason, failed, now);
        if let Some(wanted) = self.wanted.get(key) {
            state.retry_at = retry_at(&wanted.spec.restart, state, now);
        }
        commands.push(Command::Publish(key.clone()));
    }

    fn probed(&mut self, key: Key, number: u64, news: ProbeNews, now: UnixMillis, commands: &mut Vec<Command>) {
        let Some(state) = self.nodes.get_mut(&key) else { return };
        if state.busy.is_none() && state.asked.as_ref().is_some_and(|asked| asked.number == number) {
            let answer = match news {
                ProbeNews::Ready => Ok(()),
                ProbeNews::NotReady(reason) => Err(reason),
            };
            state.probed(answer, now);
            // Another one may be started now.
            self.touched.insert(key.clone());
            commands.push(Command::Publish(key));
        }
    }

    /// Decides for the host and for every node that something happened to. Stops come before starts: they make room.
    fn plan(&mut self, now: Now, commands: &mut Vec<Command>) {
        self.wake_at = None;
        if !self.told {
            return;
        }
        self.touched.extend(self.agenda.due(now.uptime));
        let mut adopted = Vec::new();
        for key in std::mem::take(&mut self.touched) {
            adopted.extend(self.adopt(&key));
            self.attend(&key, now.wall, commands);
            self.file(&key, now.uptime);
        }
        if !adopted.is_empty() {
            commands.push(Command::Record(adopted));
        }
        let now = now.uptime;
        self.forget(commands);
        self.plan_settings(now, commands);
        while let Some(key) = self.agenda.first_stop() {
            if self.pacer.stop().is_err() {
                break;
            }
            self.begin(&key, Action::Stop, now, commands);
        }
        while let Some(key) = self.agenda.first_removal() {
            if self.pacer.removal().is_err() {
                break;
            }
            self.begin(&key, Action::Remove, now, commands);
        }
        if self.settings.allows_starts() {
            for cluster in self.agenda.starting_clusters().cloned().collect::<Vec<_>>() {
                self.plan_starts(&cluster, now, commands);
            }
        }
        if let Some(at) = self.agenda.next_due() {
            self.wake(at);
        }
    }

    /// Decides what a node needs next.
    fn file(&mut self, key: &Key, now: Uptime) {
        self.warming.note(key, self.nodes.get(key));
        let Some(state) = self.nodes.get(key) else {
            self.agenda.strike(key);
            self.unsettled.remove(key);
            self.held_up.remove(key);
            return;
        };
        let (next, is_held_up) = self.next_step(key, state, now);
        if is_held_up {
            self.held_up.insert(key.clone());
        } else {
            self.held_up.remove(key);
        }
        let must_go = !self.wanted.contains_key(key) && !self.is_kept(key);
        if must_go || state.busy.is_some() || state.retry_at.is_some() {
            self.unsettled.insert(key.clone());
        } else {
            self.unsettled.remove(key);
        }
        self.agenda.file(key, next);
    }

    /// What a node needs next, and whether it must wait for the engine with it. What runs can be ended without an engine;
    /// all else would only wait for one that is silent, in the way of those who need none.
    fn next_step(&self, key: &Key, state: &NodeState, now: Uptime) -> (Decision, bool) {
        let wanted = self.wanted.get(key);
        if self.is_kept(key) {
            return (Decision::Nothing, false);
        }
        let view = wanted.map(|wanted| Wanted { spec: &wanted.spec, digest: &wanted.digest });
        let next = decide(view, state, self.clean.contains(key), now);
        let Decision::Do(action) = next else { return (next, false) };
        let ends = action == Action::Stop && matches!(state.presence, Presence::Running(_));
        let workload = wanted.map(|wanted| &wanted.spec.workload);
        let is_unseen = self.blind.is_some() && matches!(workload, Some(Workload::Process(_)));
        if is_unseen && matches!(action, Action::Start | Action::Replace) {
            return (Decision::Nothing, true);
        }
        let waits = self.engine.silence().is_some() && !ends && needs_engine(workload, &state.presence);
        if waits { (Decision::Nothing, true) } else { (next, false) }
    }

    fn forget(&mut self, commands: &mut Vec<Command>) {
        let gone = self.agenda.to_forget();
        if gone.is_empty() {
            return;
        }
        for key in gone {
            self.clean.remove(&key);
            self.nodes.remove(&key);
            self.agenda.strike(&key);
            self.warming.note(&key, None);
            self.unsettled.remove(&key);
            if !self.looking {
                self.ended_at.remove(&key);
            }
            if let Some(count) = self.occupied.get_mut(&key.cluster) {
                *count -= 1;
            }
            commands.push(Command::Gone(key));
        }
        self.occupied.retain(|_, count| *count > 0);
        let left = self.clusters.keys().filter(|id| self.occupied.contains_key(*id)).count();
        if left < self.clusters.len() {
            let wanted: BTreeSet<&ClusterId> = self.wanted.keys().map(|key| &key.cluster).collect();
            self.clusters.retain(|id, _| wanted.contains(id) || self.occupied.contains_key(id));
        }
        self.want_settings();
    }

    fn plan_settings(&mut self, now: Uptime, commands: &mut Vec<Command>) {
        match self.settings.next(now) {
            Next::Nothing => {}
            Next::WaitUntil(at) => self.wake(at),
            Next::Settle(settings) => commands.push(Command::Settle(settings)),
        }
    }

    /// Begins as many starts of a cluster as its pace allows.
    fn plan_starts(&mut self, cluster: &ClusterId, now: Uptime, commands: &mut Vec<Command>) {
        let Some(pace) = self.clusters.get(cluster).map(|cluster| cluster.pace) else { return };
        let mut waiting = BTreeSet::new();
        while let Some((key, action)) = self.agenda.first_start(cluster, &waiting) {
            let at_once = self.wanted.get(&key).map_or(0, |wanted| wanted.spec.at_once);
            if at_once > 0
                && let Err(at) = self.warming.has_room(&key, at_once, now)
            {
                if let Some(at) = at {
                    self.wake(at);
                }
                waiting.insert(key.node.role().clone());
                continue;
            }
            match self.pacer.start(cluster, pace, now) {
                Ok(()) => self.begin(&key, action, now, commands),
                Err(Some(at)) => return self.wake(at),
                // The end of another start wakes the loop.
                Err(None) => return,
            }
        }
    }

    fn begin(&mut self, key: &Key, action: Action, now: Uptime, commands: &mut Vec<Command>) {
        let wanted = self.wanted.get(key).cloned();
        let Some(state) = self.nodes.get_mut(key) else { return };
        let again = matches!(state.presence, Presence::Ended { .. })
            && wanted.as_ref().is_some_and(|wanted| wanted.spec.incarnation == state.incarnation);
        if action == Action::Start && again {
            state.restarts += 1;
        }
        if matches!(action, Action::Start | Action::Replace) {
            self.clean.remove(key);
        }
        state.busy = Some(action);
        state.retry_at = None;
        state.ready = false;
        state.asked = None;
        let job = Job { key: key.clone(), action, wanted, state: state.clone() };
        self.file(key, now);
        commands.push(Command::EndProbe(key.clone()));
        commands.push(Command::Publish(key.clone()));
        commands.push(Command::Act(Box::new(job)));
    }

    fn wake(&mut self, at: Uptime) {
        self.wake_at = Some(self.wake_at.map_or(at, |known| known.min(at)));
    }
}

/// The state of a node, which is known from now on.
fn enter<'a>(
    nodes: &'a mut BTreeMap<Key, NodeState>,
    occupied: &mut BTreeMap<ClusterId, usize>,
    key: &Key,
) -> &'a mut NodeState {
    nodes.entry(key.clone()).or_insert_with(|| {
        *occupied.entry(key.cluster.clone()).or_default() += 1;
        NodeState::default()
    })
}

/// When what could not be done is tried again.
fn soon(now: Uptime) -> Uptime {
    now.plus(RETRY_MILLIS)
}

/// What could not be done leads to another try.
fn failed(
    state: &mut NodeState,
    action: Action,
    followed: Incarnation,
    reason: Reason,
    wanted: Option<&Arc<WantedNode>>,
    now: Uptime,
) {
    let soon = Some(soon(now));
    match action {
        // What must go is tried again however often it fails.
        Action::Stop | Action::Remove => {
            state.reason = Some(reason);
            state.retry_at = soon;
        }
        Action::Start | Action::Replace => {
            state.start_failed(reason);
            let runs = matches!(state.presence, Presence::Running(_));
            state.retry_at = match wanted {
                // It could not be ended either: that comes first.
                Some(_) if runs => soon,
                // What is asked of a node counts as done when it failed: only a newer wish tries again at once.
                Some(wanted) => {
                    state.incarnation = followed;
                    retry_at(&wanted.spec.restart, state, now)
                }
                None => None,
            };
        }
    }
}

#[cfg(test)]
#[path = "core_tests.rs"]
pub(super) mod tests;
