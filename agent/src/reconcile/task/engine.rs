//! The loop's eyes on the engine: its events, whether it answers, and what the kernel shows of its containers.

use std::sync::Arc;
use std::time::Instant;

use throng_failpoints::{Fault, Point, hit, planted};

use super::{News, ReconcileTask};
use crate::clock;
use crate::host::engine::labels;
use crate::host::engine::model::{ContainerEventKind, EngineEvent};
use crate::reconcile::command::{ActOutcome, Acted, Event, Key};
use crate::reconcile::effects::{ContainerEnd, Host, Looked};
use crate::reconcile::engine_state::EngineState;
use crate::reconcile::node_state::{NodeState, Presence, Running};
use crate::reconcile::panics::or_end;

impl ReconcileTask {
    /// Looks at everything, in a task of its own: an engine that hangs keeps nobody waiting.
    pub(super) fn begin_look(&mut self) {
        if std::mem::replace(&mut self.watch.looking, true) {
            self.watch.look_again = true;
            return;
        }
        let (host, events, began) = (Arc::clone(&self.host), self.events.clone(), self.core.begin_look());
        self.tasks.spawn(async move {
            let looked = or_end("the look at everything", look(&host)).await;
            let _ = events.send(News::Looked { began, looked }).await;
        });
    }

    pub(super) fn looked(&mut self, began: u64, looked: Looked) {
        hit(Point::LookedAtAll);
        let silence = looked.unseen.containers.clone().map(EngineState::Silent);
        let is_back = silence.is_none() && self.core.engine().silence().is_some();
        if let Some(silence) = silence {
            self.tell(Event::Engine(silence));
        }
        self.tell(Event::Found { began, found: looked.found, unseen: looked.unseen });
        // Who waited for it goes on from what it has now.
        if is_back {
            self.tell(Event::Engine(EngineState::Answers));
        }
    }

    /// Asks the engine whether it still answers, and the kernel whether the containers' processes are still there.
    pub(super) fn look_at_engine(&mut self) {
        self.check_engine();
        let thorough = self.watch.begins_thorough_look();
        let lives = |pid: u32| if thorough { self.host.is_alive(pid) } else { Host::is_there(pid) };
        let gone = self.containers().filter(|(_, running)| !lives(running.pid));
        let gone = gone.map(|(key, running)| (key.clone(), running.pid)).collect();
        for (key, pid) in self.watch.gone(gone) {
            self.container_ended(&key, pid, None);
        }
        if self.core.engine().silence().is_some() || self.core.has_unknown() {
            self.begin_look();
        }
    }

    pub(super) fn check_engine(&mut self) {
        if std::mem::replace(&mut self.watch.checking, true) {
            return;
        }
        let unknown = self.core.nodes().filter(|(_, state)| state.presence == Presence::Unknown).map(|(key, _)| key);
        let all = self.containers().map(|(key, _)| key).chain(unknown).cloned().collect();
        let asked = self.watch.sample(&all);
        let (host, events) = (Arc::clone(&self.host), self.events.clone());
        self.tasks.spawn(async move {
            let (state, unanswered) = or_end("the look at the engine", host.check_engine(&asked)).await;
            let _ = events.send(News::Checked { asked, state, unanswered }).await;
        });
    }

    /// Containers that run and are left in peace.
    fn containers(&self) -> impl Iterator<Item = (&Key, &Running)> {
        self.core.nodes().filter_map(|(key, state)| Some((key, left_in_peace(state)?)))
    }

    /// A node's container that runs and is left in peace.
    fn container(&self, key: &Key) -> Option<&Running> {
        self.core.node(key).and_then(left_in_peace)
    }

    pub(super) fn engine_event(&mut self, event: EngineEvent) {
        match event {
            EngineEvent::Resync { reason } => {
                if let Some(reason) = reason {
                    tracing::warn!(reason, "the engine's events were interrupted: everything is looked at");
                    self.host.forget_engine(clock::now());
                }
                self.begin_look();
            }
            EngineEvent::Container(event) => {
                if matches!(event.kind, ContainerEventKind::Died { .. } | ContainerEventKind::Destroyed) {
                    self.host.ends().over(&event.id);
                }
                let key = |label: &str| event.labels.get(label);
                let (Some(cluster), Some(node)) = (key(labels::CLUSTER), key(labels::NODE)) else { return };
                let (Ok(cluster), Ok(node)) = (cluster.parse(), node.parse()) else { return };
                let code = match event.kind {
                    ContainerEventKind::Died { exit_code } => exit_code,
                    ContainerEventKind::Destroyed => None,
                    ContainerEventKind::Started | ContainerEventKind::OutOfMemory => return,
                };
                let key = Key { cluster, node };
                let running = self.container(&key).filter(|running| running.container.as_ref() == Some(&event.id));
                if let Some(pid) = running.map(|running| running.pid) {
                    self.container_ended(&key, pid, code);
                } else if self.core.node(&key).is_some_and(|state| state.busy.is_some()) {
                    self.early_ends.insert(key, (event.id, code));
                }
            }
        }
    }

    /// The container that a start has just confirmed and of whose end the engine told before that: it was not believed to
    /// run yet.
    pub(super) fn ended_early(&mut self, event: &Event) -> Option<(Key, u32, Option<i64>)> {
        let Event::Acted(Acted { key, outcome, .. }) = event else { return None };
        let (id, code) = self.early_ends.remove(key)?;
        let ActOutcome::Started(running) = outcome else { return None };
        let ended = running.container.as_ref() == Some(&id) && !self.host.is_alive(running.pid);
        ended.then(|| (key.clone(), running.pid, code))
    }

    /// Looks how a container ended, in a task of its own. `code` is what an event said of it.
    pub(super) fn container_ended(&self, key: &Key, pid: u32, code: Option<i64>) {
        let running = self.container(key).filter(|running| running.pid == pid && !planted(Fault::MissEnd));
        let Some(id) = running.and_then(|running| running.container.clone()) else { return };
        let (host, events, key) = (Arc::clone(&self.host), self.events.clone(), key.clone());
        self.tasks.spawn(async move {
            let news = match host.container_ended(&id, code).await {
                ContainerEnd::Ended { reason, failed } => News::Happened(Event::Ended { key, pid, reason, failed }),
                ContainerEnd::Unknown(reason) => News::Happened(Event::Vanished { key, pid, reason }),
                ContainerEnd::Runs => News::Stale,
            };
            let _ = events.send(news).await;
        });
    }
}

/// Looks at everything, and says how long that took.
pub(super) async fn look(host: &Arc<Host>) -> Looked {
    let began = Instant::now();
    let looked = host.look().await;
    let (nodes, took_micros) = (looked.found.len(), began.elapsed().as_micros());
    tracing::info!(nodes, took_micros, "everything was looked at");
    looked
}

fn left_in_peace(state: &NodeState) -> Option<&Running> {
    match &state.presence {
        Presence::Running(running) if state.busy.is_none() && running.container.is_some() => Some(running),
        Presence::Running(_)
        | Presence::Absent
        | Presence::Created { .. }
        | Presence::Ended { .. }
        | Presence::Unknown => None,
    }
}
