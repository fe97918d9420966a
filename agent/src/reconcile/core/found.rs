//! What was looked at, and how the engine stands: what changes with it.

use std::collections::BTreeSet;

use throng_common::status::{Reason, ReasonKind};

use super::super::command::{Command, Found, Key, Remembered, Unseen};
use super::super::decide::retry_at;
use super::super::engine_state::EngineState;
use super::super::node_state::{Presence, Strays};
use super::{Core, enter};
use crate::clock::{Now, Uptime};

const LOST_WITH_BOOT: &str = "it was lost when the host was booted anew, and is not started again by itself: \
                              take the cluster down, or bring it up anew";

impl Core {
    /// A look at everything begins. Gives the moment: what is seen is at least as new.
    pub fn begin_look(&mut self) -> u64 {
        self.looking = true;
        self.moment
    }

    /// Everything was looked at. What was believed to run and was not found has ended unseen.
    ///
    /// It was begun at the moment `began`: of a node to which something happened since, it knows less than the core. Of
    /// what it could not see, `unseen` tells.
    pub(super) fn found(
        &mut self,
        began: u64,
        found: Vec<Found>,
        mut unseen: Unseen,
        now: Now,
        commands: &mut Vec<Command>,
    ) {
        let is_old = |key: &Key| self.ended_at.get(key).is_some_and(|ended| *ended > began);
        unseen.nodes.retain(|key, _| !is_old(key));
        unseen.strays.retain(|key| !is_old(key));
        let missing = self.nodes.iter().filter(|(key, state)| !is_old(key) && unseen.rules_out(key, &state.presence));
        let mut missing: BTreeSet<Key> = missing.map(|(key, _)| key.clone()).collect();
        let found: Vec<Found> = found.into_iter().filter(|found| !is_old(&found.key)).collect();
        for found in found {
            // Of what is believed to run only remains were found: it is as lost as what left nothing. And its folder says
            // nothing of a container, where the engine did not list any.
            let is_blind = unseen.containers.is_some() && self.has_container(&found.key);
            let says_nothing = is_blind || self.is_believed_to_run(&found.key);
            if found.presence == Presence::Absent && !found.of_earlier_boot && says_nothing {
                continue;
            }
            missing.remove(&found.key);
            self.take_in(found, now, commands);
        }
        for key in missing {
            self.not_found(&key, now.uptime, commands);
        }
        for key in &unseen.strays {
            if let Some(state) = self.nodes.get_mut(key).filter(|state| state.busy.is_none()) {
                state.strays = Strays::Possible;
            }
        }
        self.take_note(&unseen, commands);
        self.looking = false;
        self.ended_at.retain(|key, _| self.nodes.contains_key(key));
        self.want_settings();
    }

    /// Takes in what was found of a node, unless that is known or it is worked on.
    fn take_in(&mut self, found: Found, now: Now, commands: &mut Vec<Command>) {
        let Found { key, presence, remembered, reason, of_earlier_boot } = found;
        if of_earlier_boot {
            return self.lost_with_boot(&key, presence, remembered, commands);
        }
        let state = enter(&mut self.nodes, &mut self.occupied, &key);
        self.touched.insert(key.clone());
        if state.busy.is_some() || state.presence.agrees_with(&presence) {
            return;
        }
        state.unrecorded = remembered.is_none();
        if let Some(remembered) = remembered {
            state.incarnation = remembered.incarnation;
            state.restarts = remembered.restarts;
            state.started_at = Some(remembered.started_at);
        }
        match presence {
            Presence::Running(mut running) => {
                let wanted = self.wanted.get(&key);
                let has_probe = wanted.is_some_and(|wanted| wanted.probe().is_some());
                if let Some(wanted) = wanted {
                    wanted.tell_stop(&mut running);
                }
                let (incarnation, began) = (state.incarnation, state.started_at.unwrap_or(now.wall));
                let began = Now { wall: began, uptime: now.uptime_at(began) };
                state.started(running, incarnation, has_probe, began);
            }
            Presence::Ended { failed, .. } => {
                let ended_unseen = matches!(state.presence, Presence::Running(_) | Presence::Unknown);
                state.presence = presence;
                state.asked = None;
                state.ready = false;
                state.reason = reason;
                if failed {
                    state.count_end(now.uptime);
                }
                // As one whose end was seen: it is said before it is started again.
                if let Some(wanted) = self.wanted.get(&key).filter(|_| ended_unseen) {
                    state.retry_at = retry_at(&wanted.spec.restart, state, now.uptime);
                }
                commands.push(Command::EndProbe(key.clone()));
            }
            Presence::Unknown => {
                state.presence = presence;
                state.asked = None;
                state.ready = false;
                state.reason = reason;
                commands.push(Command::EndProbe(key.clone()));
            }
            Presence::Absent | Presence::Created { .. } => {
                state.presence = presence;
                state.asked = None;
            }
        }
        commands.push(Command::Publish(key));
    }

    /// Takes note of processes that could not be seen. Something of those with files is left, whatever it is.
    fn take_note(&mut self, unseen: &Unseen, commands: &mut Vec<Command>) {
        for key in unseen.nodes.keys() {
            enter(&mut self.nodes, &mut self.occupied, key);
            self.touched.insert(key.clone());
        }
        self.unseen = unseen.of_processes().cloned().collect();
        self.saw_processes |= unseen.processes.is_none();
        let blind = unseen.processes.clone().filter(|_| !self.saw_processes);
        if blind != self.blind {
            self.blind = blind;
            self.touched.extend(self.nodes.keys().cloned());
            self.publish_waiting(commands);
        }
    }

    /// Of a node nothing was found.
    fn not_found(&mut self, key: &Key, now: Uptime, commands: &mut Vec<Command>) {
        if !self.is_believed_to_run(key) {
            return;
        }
        let message = "it ran, and nothing of it was found: the host was rebooted, or somebody removed it";
        self.ended(key, Reason::new(ReasonKind::Lost, message), true, now, commands);
        if let Some(state) = self.nodes.get_mut(key) {
            state.presence = Presence::Absent;
        }
    }

    /// A node was lost with an earlier boot. What it left stays until it is asked to begin anew, or to go.
    fn lost_with_boot(
        &mut self,
        key: &Key,
        presence: Presence,
        remembered: Option<Remembered>,
        commands: &mut Vec<Command>,
    ) {
        let state = enter(&mut self.nodes, &mut self.occupied, key);
        let is_known = state.presence == presence && state.reason.is_some();
        if state.busy.is_some() || is_known || !matches!(state.presence, Presence::Absent | Presence::Unknown) {
            return;
        }
        self.touched.insert(key.clone());
        if let Some(remembered) = remembered {
            state.incarnation = remembered.incarnation;
            state.restarts = remembered.restarts;
            state.started_at = Some(remembered.started_at);
        }
        state.presence = presence;
        state.failures = u32::MAX;
        state.reason = Some(Reason::new(ReasonKind::Lost, LOST_WITH_BOOT));
        commands.push(Command::Publish(key.clone()));
    }

    /// A node's process is gone, and the engine does not say how it ended: it has neither failed nor is it gone.
    pub(super) fn vanished(&mut self, key: &Key, pid: u32, reason: Reason, commands: &mut Vec<Command>) {
        let Some(state) = self.nodes.get_mut(key) else { return };
        let runs = matches!(&state.presence, Presence::Running(running) if running.pid == pid);
        if !runs || state.busy.is_some() {
            return;
        }
        self.touched.insert(key.clone());
        self.ended_at.insert(key.clone(), self.moment);
        state.presence = Presence::Unknown;
        state.asked = None;
        state.ready = false;
        state.reason = Some(reason);
        commands.push(Command::EndProbe(key.clone()));
        commands.push(Command::Publish(key.clone()));
    }

    /// The engine stands otherwise: so do those who wait for it.
    pub(super) fn engine_is(&mut self, engine: EngineState, commands: &mut Vec<Command>) {
        if self.engine.is_like(&engine) {
            return;
        }
        self.engine = engine;
        let waiting = self.nodes.iter().filter(|(_, state)| !matches!(state.presence, Presence::Running(_)));
        self.touched.extend(waiting.map(|(key, _)| key.clone()));
        self.publish_waiting(commands);
    }

    fn has_container(&self, key: &Key) -> bool {
        self.nodes.get(key).is_some_and(|state| {
            matches!(state.presence, Presence::Created { .. } | Presence::Ended { container: Some(_), .. })
        })
    }

    fn is_believed_to_run(&self, key: &Key) -> bool {
        self.nodes.get(key).is_some_and(|state| {
            state.busy.is_none() && matches!(state.presence, Presence::Running(_) | Presence::Unknown)
        })
    }
}
