//! Who runs a prepare command that is run once for several nodes: the first of them. The others wait until it runs.

use std::collections::{BTreeMap, BTreeSet};

use throng_common::ids::{HostId, NodeName, RoleName};
use throng_common::scenario::model::{PreparePer, Scenario};

use super::plan::Plan;

/// The nodes of the roles that are prepared once for a host or for the cluster, each with the node that does it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Preparing(BTreeMap<NodeName, NodeName>);

impl Preparing {
    /// Those of a plan.
    pub fn of(plan: &Plan, scenario: &Scenario) -> Self {
        let shared: BTreeMap<&RoleName, PreparePer> = shared(scenario).collect();
        let mut firsts: BTreeMap<(&RoleName, Option<&HostId>), &NodeName> = BTreeMap::new();
        let mut of = Vec::new();
        if !shared.is_empty() {
            for (host, node) in plan.nodes() {
                let Some(per) = shared.get(node.name.role()) else { continue };
                let group = (node.name.role(), (*per == PreparePer::Host).then_some(&host.host));
                let first = firsts.entry(group).or_insert(&node.name);
                *first = (*first).min(&node.name);
                of.push((&node.name, group));
            }
        }
        Self(of.into_iter().map(|(node, group)| (node.clone(), firsts[&group].clone())).collect())
    }

    /// The node for which this one waits; none where it waits for nobody.
    pub fn before(&self, node: &NodeName) -> Option<&NodeName> {
        self.0.get(node).filter(|first| *first != node)
    }

    /// All those for whom others wait.
    pub fn firsts(&self) -> BTreeSet<NodeName> {
        self.0.values().cloned().collect()
    }

    /// Whether others wait for this one.
    pub fn is_first(&self, node: &NodeName) -> bool {
        self.0.get(node) == Some(node)
    }
}

/// The roles that are prepared once for several nodes.
fn shared(scenario: &Scenario) -> impl Iterator<Item = (&RoleName, PreparePer)> {
    scenario.role.iter().filter_map(|(name, role)| {
        let per = role.prepare.as_ref()?.per;
        (per != PreparePer::Node).then_some((name, per))
    })
}

/// Whether a role is prepared once for several nodes.
pub fn is_shared(scenario: &Scenario, role: &RoleName) -> bool {
    shared(scenario).any(|(name, _)| name == role)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::tests::fixture::{REDIS, host, scenario, try_plan, with_count};

    fn preparing(per: &str, workers: u32) -> (Plan, Preparing) {
        let text =
            REDIS.replace("ports = [\"redis\"]\nramdisk", &format!("prepare = {{ command = [\"x\"]{per} }}\nramdisk"));
        let scenario = with_count(scenario(&text), "worker", workers);
        let plan = try_plan(&scenario, &[host("a"), host("b"), host("c")], None).unwrap();
        let preparing = Preparing::of(&plan, &scenario);
        (plan, preparing)
    }

    #[test]
    fn the_first_of_the_cluster_prepares_for_all() {
        let (plan, preparing) = preparing(", per = \"cluster\"", 9);
        let first: NodeName = "worker-0000".parse().unwrap();
        assert_eq!(preparing.firsts(), [first.clone()].into());
        assert!(preparing.is_first(&first) && preparing.before(&first).is_none());
        let waiting = plan.nodes().filter(|(_, node)| preparing.before(&node.name) == Some(&first)).count();
        assert_eq!(waiting, 8, "the primary waits for nobody");
    }

    #[test]
    fn the_first_of_each_host_prepares_for_those_of_its_host() {
        let (plan, preparing) = preparing(", per = \"host\"", 9);
        let firsts = preparing.firsts();
        assert_eq!(firsts.len(), 2, "the primary has a host of its own: {firsts:?}");
        for (host, node) in plan.nodes().filter(|(_, node)| node.name.role().as_str() == "worker") {
            let first = preparing.before(&node.name).unwrap_or(&node.name);
            assert!(firsts.contains(first) && first <= &node.name);
            assert_eq!(plan.node(first).unwrap().0.host, host.host, "{}", node.name);
        }
    }

    #[test]
    fn where_each_prepares_for_itself_nobody_waits() {
        for per in ["", ", per = \"node\""] {
            assert_eq!(preparing(per, 3).1, Preparing::default());
        }
    }
}
