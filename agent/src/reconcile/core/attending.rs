//! What runs as is wanted is asked whether it is ready, in just the way that is wanted, and is remembered.

use std::sync::Arc;

use throng_common::status::UnixMillis;

use super::super::command::{Adopted, Command, Key};
use super::super::node_state::{Asking, Presence};
use super::Core;

impl Core {
    /// Takes a node for the one that is wanted, where nobody remembers better: from then on somebody does.
    pub(super) fn adopt(&mut self, key: &Key) -> Option<Adopted> {
        let (state, wanted) = (self.nodes.get_mut(key)?, self.wanted.get(key)?);
        let running = state.take_for_newest(wanted)?;
        let (restarts, started_at) = (state.restarts, state.started_at.unwrap_or_default());
        Some(Adopted { key: key.clone(), running, wanted: Arc::clone(wanted), restarts, started_at })
    }

    /// Has a node asked as it should be, where it is not.
    pub(super) fn attend(&mut self, key: &Key, now: UnixMillis, commands: &mut Vec<Command>) {
        let (Some(state), Some(wanted)) = (self.nodes.get_mut(key), self.wanted.get(key)) else { return };
        let Presence::Running(running) = &state.presence else { return };
        if state.busy.is_some() || running.digest != wanted.digest {
            return;
        }
        let (pid, probe) = (running.pid, wanted.probe());
        if state.asked.as_ref().map(|asked| &asked.probe) == probe && (probe.is_some() || state.ready) {
            return;
        }
        let Some(probe) = probe else {
            state.asked_no_more(now);
            commands.extend([Command::EndProbe(key.clone()), Command::Publish(key.clone())]);
            return;
        };
        // It was found before anybody said what is wanted of it.
        if state.asked.is_none() && state.ready {
            state.never_asked();
            commands.push(Command::Publish(key.clone()));
        }
        let number = self.moment;
        state.asked = Some(Asking { probe: probe.clone(), number });
        let (wanted, is_ready) = (Arc::clone(wanted), state.ready);
        commands.push(Command::Probe { key: key.clone(), pid, wanted, number, is_ready });
    }
}
