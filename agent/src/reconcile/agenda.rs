//! What each node needs next. Kept node by node as things happen, so that nobody has to look at all of a thousand nodes
//! to find the four that can be worked on.

use std::collections::{BTreeMap, BTreeSet};

use throng_common::ids::{ClusterId, RoleName};

use super::command::Key;
use super::decide::Decision;
use super::node_state::Action;
use crate::clock::Uptime;

/// What each node needs next. A node stands in one place at most.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    places: BTreeMap<Key, Decision>,
    stops: BTreeSet<Key>,
    removals: BTreeSet<Key>,
    /// By cluster: each has a pace of its own.
    starts: BTreeMap<ClusterId, BTreeMap<Key, Action>>,
    forgets: BTreeSet<Key>,
    timers: BTreeSet<(Uptime, Key)>,
}

impl Agenda {
    /// Takes a node's next step in place of what was known of it before.
    pub(super) fn file(&mut self, key: &Key, next: Decision) {
        if self.places.get(key) == Some(&next) {
            return;
        }
        self.strike(key);
        match next {
            Decision::Nothing => return,
            Decision::Forget => _ = self.forgets.insert(key.clone()),
            Decision::WaitUntil(at) => _ = self.timers.insert((at, key.clone())),
            Decision::Do(Action::Stop) => _ = self.stops.insert(key.clone()),
            Decision::Do(Action::Remove) => _ = self.removals.insert(key.clone()),
            Decision::Do(action @ (Action::Start | Action::Replace)) => {
                self.starts.entry(key.cluster.clone()).or_default().insert(key.clone(), action);
            }
        }
        self.places.insert(key.clone(), next);
    }

    /// Takes a node out.
    pub(super) fn strike(&mut self, key: &Key) {
        match self.places.remove(key) {
            None | Some(Decision::Nothing) => {}
            Some(Decision::Forget) => _ = self.forgets.remove(key),
            Some(Decision::WaitUntil(at)) => _ = self.timers.remove(&(at, key.clone())),
            Some(Decision::Do(Action::Stop)) => _ = self.stops.remove(key),
            Some(Decision::Do(Action::Remove)) => _ = self.removals.remove(key),
            Some(Decision::Do(Action::Start | Action::Replace)) => {
                if let Some(starts) = self.starts.get_mut(&key.cluster) {
                    starts.remove(key);
                    if starts.is_empty() {
                        self.starts.remove(&key.cluster);
                    }
                }
            }
        }
    }

    /// Nodes whose wait is over.
    pub(super) fn due(&self, now: Uptime) -> Vec<Key> {
        self.timers.iter().take_while(|(at, _)| *at <= now).map(|(_, key)| key.clone()).collect()
    }

    /// When the next wait is over.
    pub(super) fn next_due(&self) -> Option<Uptime> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// The first node that is to be stopped.
    pub(super) fn first_stop(&self) -> Option<Key> {
        self.stops.first().cloned()
    }

    /// The first node that is to be removed.
    pub(super) fn first_removal(&self) -> Option<Key> {
        self.removals.first().cloned()
    }

    /// Clusters with nodes that are to be started.
    pub(super) fn starting_clusters(&self) -> impl Iterator<Item = &ClusterId> {
        self.starts.keys()
    }

    /// The first node of a cluster that is to be started, and how, but for those of roles that must wait.
    pub(super) fn first_start(&self, cluster: &ClusterId, waiting: &BTreeSet<RoleName>) -> Option<(Key, Action)> {
        let mut starts = self.starts.get(cluster)?.iter();
        starts.find(|(key, _)| !waiting.contains(key.node.role())).map(|(key, action)| (key.clone(), *action))
    }

    /// Where a node stands.
    #[cfg(test)]
    pub(super) fn place(&self, key: &Key) -> Option<Decision> {
        self.places.get(key).copied()
    }

    /// How many nodes stand somewhere.
    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.places.len()
    }

    /// Nodes of which nothing is wanted and nothing is left.
    pub(super) fn to_forget(&self) -> Vec<Key> {
        self.forgets.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use throng_common::ids::NodeName;

    use super::*;

    fn key(cluster: usize, index: u32) -> Key {
        let cluster = ["a-1111", "b-2222"][cluster].parse().unwrap();
        Key { cluster, node: NodeName::new("worker".parse().unwrap(), index) }
    }

    fn any_decision() -> impl Strategy<Value = Decision> {
        let actions = [Action::Start, Action::Replace, Action::Stop, Action::Remove];
        prop_oneof![
            Just(Decision::Nothing),
            Just(Decision::Forget),
            (0u64..9).prop_map(|at| Decision::WaitUntil(Uptime(at))),
            proptest::sample::select(actions.to_vec()).prop_map(Decision::Do),
        ]
    }

    proptest! {
        #[test]
        fn a_node_stands_where_it_was_filed_last_and_nowhere_else(
            filed in proptest::collection::vec(((0usize..2, 0u32..5), any_decision()), 0..60),
        ) {
            let mut agenda = Agenda::default();
            let mut last = BTreeMap::new();
            for ((cluster, index), decision) in filed {
                agenda.file(&key(cluster, index), decision);
                last.insert(key(cluster, index), decision);
            }
            let filed_as = |wanted: Decision| -> Vec<Key> {
                last.iter().filter(|(_, decision)| **decision == wanted).map(|(key, _)| key.clone()).collect()
            };
            prop_assert_eq!(agenda.to_forget(), filed_as(Decision::Forget));
            prop_assert_eq!(agenda.stops.iter().cloned().collect::<Vec<_>>(), filed_as(Decision::Do(Action::Stop)));
            prop_assert_eq!(agenda.removals.iter().cloned().collect::<Vec<_>>(), filed_as(Decision::Do(Action::Remove)));
            let starts = agenda.starting_clusters().filter_map(|cluster| agenda.first_start(cluster, &BTreeSet::new()));
            for (key, action) in starts {
                prop_assert_eq!(last[&key], Decision::Do(action));
            }
            let starting = agenda.starts.values().flatten().count();
            prop_assert_eq!(starting, filed_as(Decision::Do(Action::Start)).len() + filed_as(Decision::Do(Action::Replace)).len());
            for now in 0..9 {
                let now = Uptime(now);
                let due = last.values().filter(|next| matches!(next, Decision::WaitUntil(at) if *at <= now)).count();
                prop_assert_eq!(agenda.due(now).len(), due);
            }
        }
    }
}
