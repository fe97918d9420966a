//! How the work stands, of the host and of each of its clusters.

use std::collections::BTreeSet;

use throng_common::ids::ClusterId;
use throng_common::status::HostProgress;

use super::Core;

impl Core {
    /// All clusters that have a part here or of which a node is left.
    pub fn occupied(&self) -> BTreeSet<ClusterId> {
        self.clusters.keys().chain(self.occupied.keys()).cloned().collect()
    }

    /// How the work as a whole stands.
    pub fn progress(&self) -> HostProgress {
        let mut problems = self.settings.problems();
        problems.extend(self.engine.problem().cloned());
        problems.extend(self.unseen.iter().cloned());
        let unsettled = self.unsettled_clusters();
        HostProgress {
            generation: self.generation,
            settled: self.told && self.settings.is_over() && self.blind.is_none() && unsettled.is_empty(),
            problems,
            clusters: self.occupied().into_iter().collect(),
            unsettled: unsettled.into_iter().cloned().collect(),
        }
    }

    fn unsettled_clusters(&self) -> BTreeSet<&ClusterId> {
        let of_nodes = [&self.unsettled, &self.held_up, &self.touched].into_iter().flatten().map(|key| &key.cluster);
        // Nodes that wait for their turn are still to come; those that the host's settings hold up are its problem.
        let allows_starts = self.settings.allows_starts();
        let starting = self.agenda.starting_clusters().filter(|_| allows_starts);
        // Whose share of the settings is not given or taken back yet, is not told apart: of one that is leaving, an agent
        // that has just begun may find nothing else.
        let is_over = self.settings.is_over() && self.blind.is_none();
        let settling = self.named.iter().chain(self.occupied.keys()).filter(|_| !is_over);
        of_nodes.chain(starting).chain(settling).collect()
    }
}
