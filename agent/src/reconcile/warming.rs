//! Nodes that were started and have not been ready yet, counted by role. Pure: time is data.

use std::collections::BTreeMap;

use throng_common::ids::{ClusterId, RoleName};
use throng_common::status::NodePhase;

use super::command::Key;
use super::node_state::NodeState;
use crate::clock::Uptime;

/// How long after its start a node that is not ready yet is counted, in milliseconds. Nodes that are only ready once
/// others have been started must not wait for these for ever.
const COUNTED_MILLIS: u64 = 60_000;

/// By cluster and role, the nodes on their way to being ready, each with when it was started; none while that is under way.
#[derive(Debug, Default)]
pub(super) struct Warming(BTreeMap<(ClusterId, RoleName), BTreeMap<Key, Option<Uptime>>>);

/// The role of a node in its cluster.
fn role_of(key: &Key) -> (ClusterId, RoleName) {
    (key.cluster.clone(), key.node.role().clone())
}

impl Warming {
    /// Takes note of how a node stands; none when there is nothing of it.
    pub(super) fn note(&mut self, key: &Key, state: Option<&NodeState>) {
        let started = state.and_then(|state| match state.phase(true) {
            NodePhase::Preparing => Some(None),
            NodePhase::Starting => Some(state.up_since),
            NodePhase::Pending
            | NodePhase::Ready
            | NodePhase::Unready
            | NodePhase::Backoff
            | NodePhase::Stopping
            | NodePhase::Stopped
            | NodePhase::Failed
            | NodePhase::Unknown => None,
        });
        if let Some(started) = started {
            self.0.entry(role_of(key)).or_default().insert(key.clone(), started);
        } else if let Some(role) = self.0.get_mut(&role_of(key)) {
            role.remove(key);
            if role.is_empty() {
                self.0.remove(&role_of(key));
            }
        }
    }

    /// Whether a node may be started where so many of its role may be on their way at once; else when to look again, unless
    /// one that becomes ready leads to that.
    pub(super) fn has_room(&self, key: &Key, at_once: u32, now: Uptime) -> Result<(), Option<Uptime>> {
        let Some(nodes) = self.0.get(&role_of(key)) else { return Ok(()) };
        let until = |started: Uptime| started.plus(COUNTED_MILLIS);
        let counted =
            || nodes.values().map(|started| started.map(until)).filter(|until| until.is_none_or(|at| at > now));
        if counted().count() < usize::try_from(at_once).unwrap_or(usize::MAX) {
            return Ok(());
        }
        Err(counted().flatten().min())
    }
}

#[cfg(test)]
mod tests {
    use throng_common::ids::{Incarnation, NodeName};
    use throng_common::status::UnixMillis;

    use super::super::node_state::{Action, Running};
    use super::*;
    use crate::clock::Now;

    fn key(index: u32) -> Key {
        Key { cluster: "c-x7k2".parse().unwrap(), node: NodeName::new("worker".parse().unwrap(), index) }
    }

    fn running(at: u64) -> NodeState {
        let stop = throng_common::host_spec::StopSpec { signal: 15, grace: std::time::Duration::ZERO };
        let running = Running { container: None, image_id: None, pid: 7, digest: String::new(), stop };
        let mut state = NodeState::default();
        state.started(running, Incarnation(1), true, Now { wall: UnixMillis(0), uptime: Uptime(at) });
        state
    }

    #[test]
    fn those_that_are_started_count_until_they_are_ready_gone_or_long_on_their_way() {
        let mut warming = Warming::default();
        let room = |warming: &Warming, now: u64| warming.has_room(&key(7), 2, Uptime(now));
        assert_eq!(room(&warming, 0), Ok(()));
        warming.note(&key(0), Some(&NodeState { busy: Some(Action::Start), ..NodeState::default() }));
        assert_eq!(room(&warming, 0), Ok(()));
        warming.note(&key(1), Some(&running(5_000)));
        assert_eq!(room(&warming, 6_000), Err(Some(Uptime(65_000))));
        warming.note(&key(0), Some(&running(7_000)));
        assert_eq!(room(&warming, 64_999), Err(Some(Uptime(65_000))));
        assert_eq!(room(&warming, 65_000), Ok(()), "the first has been on its way for a minute");

        let mut ready = running(7_000);
        ready.probed(Ok(()), UnixMillis(8_000));
        warming.note(&key(0), Some(&ready));
        assert_eq!(room(&warming, 8_000), Ok(()));
        ready.probed(
            Err(throng_common::status::Reason::new(throng_common::status::ReasonKind::Probe, "no")),
            UnixMillis(9_000),
        );
        warming.note(&key(0), Some(&ready));
        assert_eq!(room(&warming, 9_000), Ok(()), "one that was ready once is not on its way");
        warming.note(&key(1), None);
        assert_eq!(warming.0, BTreeMap::new());
    }

    #[test]
    fn clusters_and_roles_are_counted_apart() {
        let mut warming = Warming::default();
        warming.note(&key(0), Some(&running(0)));
        let elsewhere = Key { cluster: "other-x7k2".parse().unwrap(), ..key(1) };
        let other = Key { node: "store-0000".parse().unwrap(), ..key(1) };
        let room = |key: &Key| warming.has_room(key, 1, Uptime(1)).is_ok();
        assert_eq!([room(&key(1)), room(&elsewhere), room(&other)], [false, true, true]);
    }
}
