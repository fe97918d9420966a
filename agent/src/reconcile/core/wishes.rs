//! A new desired state: what changes with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use throng_common::host_spec::{ClusterSpec, HostSpec};

use super::super::command::{Key, WantedNode};
use super::super::node_state::Presence;
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
                self.wanted.insert(key, Arc::new(wanted));
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
