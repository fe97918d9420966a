//! Who runs a prepare command that is run once for several nodes: the first of them. The others wait until it runs.

use std::collections::BTreeSet;

use throng_common::ids::{HostId, NodeName, RoleName};
use throng_common::scenario::model::{PreparePer, Scenario};

use super::plan::Plan;

/// A plan, its scenario, and the nodes that have prepared for others.
#[derive(Debug, Clone, Copy)]
pub struct Preparing<'a> {
    plan: &'a Plan,
    scenario: &'a Scenario,
    prepared: &'a BTreeSet<NodeName>,
}

impl<'a> Preparing<'a> {
    /// Puts together what it follows from.
    pub fn new(plan: &'a Plan, scenario: &'a Scenario, prepared: &'a BTreeSet<NodeName>) -> Self {
        Self { plan, scenario, prepared }
    }

    /// The node for which this one waits before it runs for the first time; none where it waits for nobody. Walks over the
    /// plan, but for roles whose nodes all prepare for themselves.
    pub fn before(&self, host: &HostId, node: &NodeName) -> Option<&'a NodeName> {
        self.first(host, node).filter(|first| *first != node)
    }

    /// The nodes of whom each prepares for others.
    pub fn firsts(&self) -> BTreeSet<&'a NodeName> {
        let shared = || self.plan.nodes().filter(|(_, node)| self.per(node.name.role()) != PreparePer::Node);
        shared().filter_map(|(host, node)| self.before(&host.host, &node.name)).collect()
    }

    /// Whether others wait for this one.
    pub fn is_first(&self, host: &HostId, node: &NodeName) -> bool {
        self.first(host, node) == Some(node) && self.group(host, node).any(|other| other != node)
    }

    /// Who prepares for the nodes of this one's role, on its host or in the whole cluster: one that has, however nodes come
    /// and go, else the first by its index.
    fn first(&self, host: &HostId, node: &NodeName) -> Option<&'a NodeName> {
        let lowest = self.group(host, node).min();
        let done = if self.prepared.is_empty() {
            None
        } else {
            self.group(host, node).filter(|node| self.prepared.contains(*node)).min()
        };
        done.or(lowest)
    }

    /// The nodes for whom one prepares, this one among them; none where each does so for itself.
    fn group(&self, host: &HostId, node: &NodeName) -> impl Iterator<Item = &'a NodeName> {
        let (role, per) = (node.role().clone(), self.per(node.role()));
        let host = (per == PreparePer::Host).then(|| host.clone());
        let hosts =
            self.plan.hosts.iter().filter(move |planned| {
                per != PreparePer::Node && host.as_ref().is_none_or(|host| *host == planned.host)
            });
        hosts.flat_map(|planned| &planned.nodes).map(|node| &node.name).filter(move |name| *name.role() == role)
    }

    fn per(&self, role: &RoleName) -> PreparePer {
        let prepare = self.scenario.role.get(role).and_then(|role| role.prepare.as_ref());
        prepare.map_or(PreparePer::Node, |prepare| prepare.per)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::tests::fixture::{REDIS, host, scenario, try_plan, with_count};

    /// Workers on two of three hosts: the primary has one of its own.
    fn planned(per: &str, workers: u32) -> (Plan, Scenario) {
        let prepare = format!("prepare = {{ command = [\"x\"]{per} }}\nramdisk = ");
        let scenario = with_count(scenario(&REDIS.replace("ramdisk = ", &prepare)), "worker", workers);
        let plan = try_plan(&scenario, &[host("a"), host("b"), host("c")], None).unwrap();
        (plan, scenario)
    }

    fn set(nodes: &[&str]) -> BTreeSet<NodeName> {
        nodes.iter().map(|node| node.parse().unwrap()).collect()
    }

    #[test]
    fn the_first_of_the_cluster_prepares_for_all() {
        let (plan, scenario) = planned(", per = \"cluster\"", 9);
        let nobody = BTreeSet::new();
        let preparing = Preparing::new(&plan, &scenario, &nobody);
        assert_eq!(preparing.firsts(), set(&["worker-0000"]).iter().collect());
        for (host, node) in plan.nodes() {
            let expected = match (node.name.role().as_str(), node.name.index()) {
                ("worker", 0) => (None, true),
                ("worker", _) => (Some("worker-0000".to_owned()), false),
                _ => (None, false),
            };
            let found = preparing.before(&host.host, &node.name).map(ToString::to_string);
            assert_eq!((found, preparing.is_first(&host.host, &node.name)), expected, "{}", node.name);
        }
    }

    #[test]
    fn the_first_of_each_host_prepares_for_those_of_its_host() {
        let (plan, scenario) = planned(", per = \"host\"", 9);
        let nobody = BTreeSet::new();
        let preparing = Preparing::new(&plan, &scenario, &nobody);
        assert_eq!(preparing.firsts().len(), 2, "{:?}", preparing.firsts());
        for (host, node) in plan.nodes().filter(|(_, node)| node.name.role().as_str() == "worker") {
            let first = preparing.before(&host.host, &node.name).unwrap_or(&node.name);
            assert!(preparing.firsts().contains(first) && first <= &node.name);
            assert_eq!(plan.node(first).unwrap().0.host, host.host, "{}", node.name);
        }
    }

    #[test]
    fn one_that_has_prepared_stays_the_first_when_a_lower_one_comes() {
        let (plan, scenario) = planned(", per = \"host\"", 9);
        let nodes = |host: usize| plan.hosts[host].nodes.iter().map(|node| &node.name).collect::<Vec<_>>();
        let (low, done) = (nodes(1)[0], nodes(1)[2]);
        let prepared = BTreeSet::from([done.clone()]);
        let preparing = Preparing::new(&plan, &scenario, &prepared);
        assert_eq!(preparing.before(&plan.hosts[1].host, low), Some(done));
        assert!(preparing.is_first(&plan.hosts[1].host, done));
        assert_eq!(
            preparing.before(&plan.hosts[2].host, nodes(2)[1]),
            Some(nodes(2)[0]),
            "another host is another matter"
        );
    }

    #[test]
    fn where_each_prepares_for_itself_or_there_is_but_one_nobody_waits() {
        for (per, workers) in [("", 3), (", per = \"node\"", 3), (", per = \"cluster\"", 1)] {
            let (plan, scenario) = planned(per, workers);
            let nobody = BTreeSet::new();
            let preparing = Preparing::new(&plan, &scenario, &nobody);
            assert!(preparing.firsts().is_empty(), "{per}");
            assert!(plan.nodes().all(|(host, node)| !preparing.is_first(&host.host, &node.name)));
        }
    }
}
