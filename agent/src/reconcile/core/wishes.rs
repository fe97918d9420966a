//! A new desired state: what changes with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use throng_common::host_spec::{ClusterSpec, HostSpec};

use super::super::command::{Adopted, Command, Key, WantedNode};
use super::super::node_state::{NodeState, Presence, Running};
use super::{Core, enter};

impl Core {
    /// Takes a new desired state. `digest` gives the digest of a node's spec. Gives the nodes that go on running and
    /// are to be stopped in another way from now on.
    pub fn set_spec(&mut self, spec: &HostSpec, digest: impl Fn(&ClusterSpec, usize) -> String) -> Vec<Key> {
        self.generation = spec.generation;
        self.told = true;
        self.named = spec.named().cloned().collect();
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
                let state = enter(&mut self.nodes, &mut self.occupied, &key);
                if known && (other || node.incarnation > state.incarnation) {
                    state.begin_anew();
                }
                if let Presence::Running(running) = &mut state.presence
                    && wanted.tell_stop(running)
                {
                    otherwise.push(key.clone());
                }
                let wanted = Arc::new(wanted);
                self.due.extend(asked_anew(&key, state, before.get(&key), &wanted));
                self.due.extend(taken_for_newest(&key, state, &wanted));
                self.wanted.insert(key, wanted);
            }
            let without_nodes = ClusterSpec { nodes: Vec::new(), ..cluster.clone() };
            clusters.insert(cluster.cluster.clone(), Arc::new(without_nodes));
        }
        // A cluster that is leaving keeps its ports and names until its last node is gone.
        for (id, cluster) in std::mem::take(&mut self.clusters) {
            if self.occupied.contains_key(&id) {
                clusters.entry(id).or_insert(cluster);
            }
        }
        self.clusters = clusters;
        self.touched.extend(self.nodes.keys().cloned());
        self.want_settings();
        otherwise
    }

    /// Whether a node stays as it was found: nobody knows what is wanted of it.
    pub(super) fn is_kept(&self, key: &Key) -> bool {
        !self.named.contains(&key.cluster)
    }
}

/// Takes a node for the one that is wanted, where nobody remembers better: from then on somebody does.
pub(super) fn taken_for_newest(key: &Key, state: &mut NodeState, wanted: &Arc<WantedNode>) -> Option<Command> {
    let running = state.take_for_newest(wanted)?;
    let (restarts, started_at) = (state.restarts, state.started_at.unwrap_or_default());
    let adopted = Adopted { key: key.clone(), running, wanted: Arc::clone(wanted), restarts, started_at };
    Some(Command::Record(Box::new(adopted)))
}

/// What follows for one that runs and is to be asked in another way than before whether it is ready, or for the first
/// time: it was found before anybody said what is wanted of it.
fn asked_anew(
    key: &Key,
    state: &mut NodeState,
    before: Option<&Arc<WantedNode>>,
    wanted: &Arc<WantedNode>,
) -> Option<Command> {
    let Presence::Running(Running { pid, digest, .. }) = &state.presence else { return None };
    let pid = *pid;
    let is_as_before = before.is_some_and(|before| before.spec.ready == wanted.spec.ready);
    if state.busy.is_some() || *digest != wanted.digest || is_as_before {
        return None;
    }
    if wanted.spec.ready.is_none() {
        state.asked_no_more();
        return Some(Command::EndProbe(key.clone()));
    }
    if before.is_none() {
        state.never_asked();
    }
    Some(Command::Probe { key: key.clone(), pid, wanted: Arc::clone(wanted) })
}
