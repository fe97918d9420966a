//! The core: all that is known, and what follows from it. No effects; time is data.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use throng_common::host_spec::{ClusterSpec, DesiredState, HostSpec};
use throng_common::ids::{ClusterId, Generation};
use throng_common::status::{HostProgress, NodePhase, NodeStatus, Reason, ReasonKind, UnixMillis};

use super::command::{ActOutcome, Command, Event, Found, HostSettings, Job, Key, Settled, WantedNode};
use super::decide::{Decision, Wanted, decide, retry_at};
use super::node_state::{Action, NodeState, Presence};
use super::pacer::Pacer;
use crate::probe::ProbeNews;

/// All that is known.
#[derive(Debug, Default)]
pub struct Core {
    generation: Generation,
    clusters: BTreeMap<ClusterId, Arc<ClusterSpec>>,
    wanted: BTreeMap<Key, Arc<WantedNode>>,
    nodes: BTreeMap<Key, NodeState>,
    /// Nodes whose removal went to its end: nothing of them is left.
    clean: BTreeSet<Key>,
    settings: Settling,
    pacer: Pacer,
    engine_problem: Option<Reason>,
    /// When to look again although nothing happened.
    wake_at: Option<UnixMillis>,
}

/// Where the host's settings stand.
#[derive(Debug, Default)]
struct Settling {
    /// Those that the host has.
    done: Option<Settled>,
    /// Whether work on them is under way.
    busy: bool,
    /// After a failure: not before this.
    retry_at: Option<UnixMillis>,
}

/// The wait before what could not be done, and must be, is tried again, in milliseconds: settings, stops, removals.
const RETRY_MILLIS: u64 = 5_000;

impl Core {
    /// Takes a new desired state. `digest` gives the digest of a node's spec. Gives the nodes that go on running and
    /// are to be stopped in another way from now on.
    pub fn set_spec(&mut self, spec: &HostSpec, digest: impl Fn(&ClusterSpec, usize) -> String) -> Vec<Key> {
        self.generation = spec.generation;
        let before = std::mem::take(&mut self.wanted);
        let mut clusters = BTreeMap::new();
        let mut otherwise = Vec::new();
        for cluster in &spec.clusters {
            for (at, node) in cluster.nodes.iter().enumerate() {
                let key = Key { cluster: cluster.cluster.clone(), node: node.name.clone() };
                self.clean.remove(&key);
                let wanted = WantedNode { spec: node.clone(), digest: digest(cluster, at), address: cluster.address };
                let other = before.get(&key).is_some_and(|before| before.digest != wanted.digest);
                let known = self.nodes.contains_key(&key);
                let state = self.nodes.entry(key.clone()).or_default();
                if known && (other || node.incarnation > state.incarnation) {
                    state.begin_anew();
                }
                if let Presence::Running(running) = &mut state.presence
                    && wanted.tell_stop(running)
                {
                    otherwise.push(key.clone());
                }
                self.wanted.insert(key, Arc::new(wanted));
            }
            let without_nodes = ClusterSpec { nodes: Vec::new(), ..cluster.clone() };
            clusters.insert(cluster.cluster.clone(), Arc::new(without_nodes));
        }
        // A cluster that is leaving keeps its ports and names until its last node is gone.
        for (id, cluster) in std::mem::take(&mut self.clusters) {
            if self.nodes.keys().any(|key| key.cluster == id) {
                clusters.entry(id).or_insert(cluster);
            }
        }
        self.clusters = clusters;
        otherwise
    }

    /// Takes note of what happened, and says what is to be done.
    pub fn handle(&mut self, event: Event, now: UnixMillis) -> Vec<Command> {
        let mut commands = Vec::new();
        match event {
            Event::Tick => {}
            Event::Acted { key, action, outcome } => self.acted(&key, action, outcome, now, &mut commands),
            Event::Settled(settled) => self.settled(settled, now),
            Event::Ended { key, pid, reason, failed } => {
                let known = self
                    .nodes
                    .get(&key)
                    .is_some_and(|state| matches!(&state.presence, Presence::Running(running) if running.pid == pid));
                if known {
                    self.ended(&key, reason, failed, now, &mut commands);
                }
            }
            Event::Probed { key, pid, news } => self.probed(key, pid, news, now, &mut commands),
            Event::Found(found) => self.found(found, now, &mut commands),
            Event::EngineLost(reason) => self.engine_problem = Some(reason),
        }
        self.plan(now, &mut commands);
        commands
    }

    /// When to look again although nothing happened.
    pub fn wake_at(&self) -> Option<UnixMillis> {
        self.wake_at
    }

    /// All clusters that have a part here.
    pub fn clusters(&self) -> impl Iterator<Item = &ClusterId> {
        self.clusters.keys()
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
        let running = match &state.presence {
            Presence::Running(running) => Some(running),
            _ => None,
        };
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
            reason: state.reason.clone(),
            incarnation: state.incarnation,
            restarts: state.restarts,
            container_id: container.map(|id| id.as_str().to_owned()),
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

    /// How the work as a whole stands.
    pub fn progress(&self) -> HostProgress {
        let busy = |state: &NodeState| state.busy.is_some() || state.retry_at.is_some();
        let unsettled = self.nodes.values().any(busy) || self.nodes.keys().any(|key| !self.wanted.contains_key(key));
        let done = self.settings.done.as_ref();
        let mut problems: Vec<Reason> =
            done.map(|done| [&done.obstacles[..], &done.warnings].concat()).unwrap_or_default();
        problems.extend(self.engine_problem.clone());
        let current = done.is_some_and(|done| done.settings == self.wanted_settings());
        HostProgress { generation: self.generation, settled: current && !self.settings.busy && !unsettled, problems }
    }

    fn wanted_settings(&self) -> HostSettings {
        let occupied = self.nodes.keys().map(|key| key.cluster.clone()).collect();
        HostSettings { clusters: self.clusters.values().cloned().collect(), occupied }
    }

    fn acted(&mut self, key: &Key, action: Action, outcome: ActOutcome, now: UnixMillis, commands: &mut Vec<Command>) {
        match action {
            Action::Start | Action::Replace => self.pacer.start_ended(),
            Action::Stop => self.pacer.stop_ended(),
            Action::Remove => self.pacer.removal_ended(),
        }
        let Some(state) = self.nodes.get_mut(key) else { return };
        state.busy = None;
        let wanted = self.wanted.get(key);
        match outcome {
            ActOutcome::Started(running) => {
                let incarnation = wanted.map_or(state.incarnation, |wanted| wanted.spec.incarnation);
                let pid = running.pid;
                let probed = wanted.filter(|wanted| wanted.spec.ready.is_some());
                state.started(running, incarnation, probed.is_some(), now);
                if let Some(wanted) = probed {
                    commands.push(Command::Probe { key: key.clone(), pid, wanted: Arc::clone(wanted) });
                }
            }
            ActOutcome::Stopped(presence) => {
                state.presence = presence;
                state.ready = false;
                state.begin_anew();
            }
            ActOutcome::Removed => {
                state.presence = Presence::Absent;
                state.begin_anew();
                self.clean.insert(key.clone());
            }
            ActOutcome::Failed { reason, presence } => {
                if let Some(presence) = presence {
                    state.presence = presence;
                }
                failed(state, action, reason, wanted, now);
            }
        }
        commands.push(Command::Publish(key.clone()));
    }

    fn ended(&mut self, key: &Key, reason: Reason, failed: bool, now: UnixMillis, commands: &mut Vec<Command>) {
        let Some(state) = self.nodes.get_mut(key) else { return };
        commands.push(Command::EndProbe(key.clone()));
        // While it is being stopped or restarted its end is no news: the work's outcome tells.
        if state.busy.is_some() {
            return;
        }
        state.ended(reason, failed, now);
        if let Some(wanted) = self.wanted.get(key) {
            state.retry_at = retry_at(&wanted.spec.restart, state, now);
        }
        commands.push(Command::Publish(key.clone()));
    }

    fn probed(&mut self, key: Key, pid: u32, news: ProbeNews, now: UnixMillis, commands: &mut Vec<Command>) {
        let Some(state) = self.nodes.get_mut(&key) else { return };
        let current = matches!(&state.presence, Presence::Running(running) if running.pid == pid);
        if current && state.busy.is_none() {
            let answer = match news {
                ProbeNews::Ready => Ok(()),
                ProbeNews::NotReady(reason) => Err(reason),
            };
            state.probed(answer, now);
            commands.push(Command::Publish(key));
        }
    }

    /// Everything was looked at. What was believed to run and was not found has ended unseen.
    fn found(&mut self, found: Vec<Found>, now: UnixMillis, commands: &mut Vec<Command>) {
        self.engine_problem = None;
        let mut missing: BTreeSet<Key> = self.nodes.keys().cloned().collect();
        for Found { key, presence, remembered, reason } in found {
            // Of what is believed to run only remains were found: it is as lost as what left nothing.
            if presence == Presence::Absent && self.is_believed_to_run(&key) {
                continue;
            }
            missing.remove(&key);
            let state = self.nodes.entry(key.clone()).or_default();
            if state.busy.is_some() || state.presence.agrees_with(&presence) {
                continue;
            }
            if let Some(remembered) = remembered {
                state.incarnation = remembered.incarnation;
                state.restarts = remembered.restarts;
                state.started_at = Some(remembered.started_at);
            }
            match presence {
                Presence::Running(mut running) => {
                    let wanted = self.wanted.get(&key);
                    if let Some(wanted) = wanted {
                        wanted.tell_stop(&mut running);
                    }
                    let (incarnation, pid, began) = (state.incarnation, running.pid, state.started_at.unwrap_or(now));
                    let probed = wanted.filter(|wanted| wanted.spec.ready.is_some());
                    state.started(running, incarnation, probed.is_some(), began);
                    if let Some(wanted) = probed {
                        commands.push(Command::Probe { key: key.clone(), pid, wanted: Arc::clone(wanted) });
                    }
                }
                Presence::Ended { failed, .. } => {
                    state.presence = presence;
                    state.reason = reason;
                    state.failures += u32::from(failed);
                    commands.push(Command::EndProbe(key.clone()));
                }
                Presence::Absent | Presence::Created { .. } | Presence::Unknown => state.presence = presence,
            }
            commands.push(Command::Publish(key));
        }
        for key in missing {
            let message = "it ran, and nothing of it was found: the host was rebooted, or somebody removed it";
            let lost = Reason::new(ReasonKind::Lost, message);
            if self.is_believed_to_run(&key) {
                self.ended(&key, lost, true, now, commands);
                if let Some(state) = self.nodes.get_mut(&key) {
                    state.presence = Presence::Absent;
                }
            }
        }
    }

    fn is_believed_to_run(&self, key: &Key) -> bool {
        self.nodes.get(key).is_some_and(|state| {
            state.busy.is_none() && matches!(state.presence, Presence::Running(_) | Presence::Unknown)
        })
    }

    fn settled(&mut self, settled: Settled, now: UnixMillis) {
        self.settings.busy = false;
        self.settings.retry_at =
            (!settled.obstacles.is_empty()).then_some(UnixMillis(now.0.saturating_add(RETRY_MILLIS)));
        self.settings.done = Some(settled);
    }

    /// Decides for the host and for every node. Stops come before starts: they make room.
    fn plan(&mut self, now: UnixMillis, commands: &mut Vec<Command>) {
        self.wake_at = None;
        self.forget(commands);
        self.plan_settings(now, commands);
        let ready = self.settings.done.as_ref().is_some_and(|done| {
            done.obstacles.is_empty() && done.settings == self.wanted_settings() && !self.settings.busy
        });
        let keys: Vec<Key> = self.nodes.keys().cloned().collect();
        for starting in [false, true] {
            for key in &keys {
                self.plan_node(key, starting, ready, now, commands);
            }
        }
    }

    fn forget(&mut self, commands: &mut Vec<Command>) {
        let gone: Vec<Key> = self
            .clean
            .iter()
            .filter(|key| !self.wanted.contains_key(key))
            .filter(|key| self.nodes.get(key).is_none_or(|state| state.busy.is_none()))
            .cloned()
            .collect();
        for key in gone {
            self.clean.remove(&key);
            self.nodes.remove(&key);
            commands.push(Command::Gone(key));
        }
        let wanted: BTreeSet<&ClusterId> = self.wanted.keys().map(|key| &key.cluster).collect();
        let left: BTreeSet<&ClusterId> = self.nodes.keys().map(|key| &key.cluster).collect();
        self.clusters.retain(|id, _| wanted.contains(id) || left.contains(id));
    }

    fn plan_settings(&mut self, now: UnixMillis, commands: &mut Vec<Command>) {
        let settings = self.wanted_settings();
        let current = self.settings.done.as_ref().is_some_and(|done| done.settings == settings);
        let waiting = self.settings.retry_at.filter(|at| *at > now);
        match (self.settings.busy, current, self.settings.retry_at, waiting) {
            (true, ..) | (false, true, None, _) => {}
            (false, true, Some(_), Some(at)) => self.wake(at),
            (false, false, ..) | (false, true, Some(_), None) => {
                self.settings.busy = true;
                self.settings.retry_at = None;
                commands.push(Command::Settle(settings));
            }
        }
    }

    fn plan_node(&mut self, key: &Key, starting: bool, ready: bool, now: UnixMillis, commands: &mut Vec<Command>) {
        let Some(state) = self.nodes.get(key) else { return };
        let wanted = self.wanted.get(key).map(Arc::clone);
        let view = wanted.as_deref().map(|wanted| Wanted { spec: &wanted.spec, digest: &wanted.digest });
        let action = match decide(view, state, self.clean.contains(key), now) {
            Decision::Nothing | Decision::Forget => return,
            Decision::WaitUntil(at) => return self.wake(at),
            Decision::Do(action) => action,
        };
        let starts = matches!(action, Action::Start | Action::Replace);
        if starts != starting || (starts && !ready) {
            return;
        }
        let place = match action {
            Action::Start | Action::Replace => {
                let cluster = self.clusters.get(&key.cluster).map(|cluster| cluster.pace);
                cluster.map_or(Err(None), |pace| self.pacer.start(pace, now))
            }
            Action::Stop => self.pacer.stop(),
            Action::Remove => self.pacer.removal(),
        };
        match place {
            Err(Some(at)) => self.wake(at),
            Err(None) => {}
            Ok(()) => self.begin(key, action, wanted, commands),
        }
    }

    fn begin(&mut self, key: &Key, action: Action, wanted: Option<Arc<WantedNode>>, commands: &mut Vec<Command>) {
        let Some(state) = self.nodes.get_mut(key) else { return };
        let again = matches!(state.presence, Presence::Ended { .. })
            && wanted.as_ref().is_some_and(|wanted| wanted.spec.incarnation == state.incarnation);
        if action == Action::Start && again {
            state.restarts += 1;
        }
        state.busy = Some(action);
        state.retry_at = None;
        state.ready = false;
        let job = Job { key: key.clone(), action, wanted, state: state.clone() };
        commands.push(Command::EndProbe(key.clone()));
        commands.push(Command::Publish(key.clone()));
        commands.push(Command::Act(Box::new(job)));
    }

    fn wake(&mut self, at: UnixMillis) {
        self.wake_at = Some(self.wake_at.map_or(at, |known| known.min(at)));
    }
}

/// What could not be done leads to another try.
fn failed(state: &mut NodeState, action: Action, reason: Reason, wanted: Option<&Arc<WantedNode>>, now: UnixMillis) {
    let soon = Some(UnixMillis(now.0.saturating_add(RETRY_MILLIS)));
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
                    state.incarnation = wanted.spec.incarnation;
                    retry_at(&wanted.spec.restart, state, now)
                }
                None => None,
            };
        }
    }
}

#[cfg(test)]
#[path = "core_tests.rs"]
mod tests;
