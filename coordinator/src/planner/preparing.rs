//! Who runs a prepare command that is run once for several nodes: the first of them. The others wait until it runs.

use std::collections::{BTreeMap, BTreeSet};

use throng_common::ids::{HostId, NodeName, RoleName};
use throng_common::scenario::model::{PreparePer, Scenario};

use super::plan::Plan;

/// The nodes of a role for whom one prepares: on one host, or all of them.
type Group<'a> = (&'a RoleName, Option<&'a HostId>);

/// Of every such group, who prepares, and how many there are.
#[derive(Debug, Default)]
pub struct Preparing<'a> {
    per: BTreeMap<&'a RoleName, PreparePer>,
    groups: BTreeMap<Group<'a>, (&'a NodeName, usize)>,
}

/// Whether one node of this role prepares for others.
pub fn is_shared(scenario: &Scenario, role: &RoleName) -> bool {
    shared(scenario).any(|(name, _)| name == role)
}

fn shared(scenario: &Scenario) -> impl Iterator<Item = (&RoleName, PreparePer)> {
    let per = |(name, role): (_, &throng_common::scenario::model::Role)| Some((name, role.prepare.as_ref()?.per));
    scenario.role.iter().filter_map(per).filter(|(_, per)| *per != PreparePer::Node)
}

impl<'a> Preparing<'a> {
    /// Of a group prepares whoever has (`prepared`), however nodes come and go, else the first by its index. Walks once over
    /// the plan, where a role is prepared so.
    pub fn new(plan: &'a Plan, scenario: &'a Scenario, prepared: &BTreeSet<NodeName>) -> Self {
        let mut preparing = Self { per: shared(scenario).collect(), groups: BTreeMap::new() };
        if preparing.per.is_empty() {
            return preparing;
        }
        let rank = |node: &'a NodeName| (!prepared.contains(node), node);
        for (host, node) in plan.nodes() {
            let Some(group) = preparing.group(&host.host, node.name.role()) else { continue };
            let (first, count) = preparing.groups.entry(group).or_insert((&node.name, 0));
            *count += 1;
            if rank(&node.name) < rank(first) {
                *first = &node.name;
            }
        }
        preparing
    }

    /// The node for which this one waits before it runs for the first time; none where it waits for nobody.
    pub fn before(&self, host: &HostId, node: &NodeName) -> Option<&'a NodeName> {
        self.first(host, node).map(|(first, _)| first).filter(|first| *first != node)
    }

    /// Whether others wait for this one.
    pub fn is_first(&self, host: &HostId, node: &NodeName) -> bool {
        self.first(host, node).is_some_and(|(first, count)| first == node && count > 1)
    }

    fn first(&self, host: &HostId, node: &NodeName) -> Option<(&'a NodeName, usize)> {
        let (role, per) = self.per.get_key_value(node.role())?;
        let on = (*per == PreparePer::Host).then_some(host);
        self.groups.get(&(*role, on)).copied()
    }

    fn group(&self, host: &'a HostId, role: &RoleName) -> Option<Group<'a>> {
        let (role, per) = self.per.get_key_value(role)?;
        Some((*role, (*per == PreparePer::Host).then_some(host)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::input::HostInput;
    use crate::planner::tests::fixture::{REDIS, host, scenario, try_plan, with_count};

    /// Workers on two of three hosts: the primary has one of its own.
    fn planned(per: &str, workers: u32) -> (Plan, Scenario) {
        let prepare = format!("prepare = {{ command = [\"x\"]{per} }}\nramdisk = ");
        let scenario = with_count(scenario(&REDIS.replace("ramdisk = ", &prepare)), "worker", workers);
        let plan = try_plan(&scenario, &[host("a"), host("b"), host("c")], None).unwrap();
        (plan, scenario)
    }

    #[test]
    fn the_first_of_the_cluster_prepares_for_all() {
        let (plan, scenario) = planned(", per = \"cluster\"", 9);
        let nobody = BTreeSet::new();
        let preparing = Preparing::new(&plan, &scenario, &nobody);
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
        let all = plan.nodes().filter(|(host, node)| preparing.is_first(&host.host, &node.name));
        let firsts: BTreeSet<&NodeName> = all.map(|(_, node)| &node.name).collect();
        assert_eq!(firsts.len(), 2, "{firsts:?}");
        for (host, node) in plan.nodes().filter(|(_, node)| node.name.role().as_str() == "worker") {
            let first = preparing.before(&host.host, &node.name).unwrap_or(&node.name);
            assert!(firsts.contains(first) && first <= &node.name);
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
            assert!(plan.nodes().all(|(host, node)| preparing.before(&host.host, &node.name).is_none()), "{per}");
            assert!(plan.nodes().all(|(host, node)| !preparing.is_first(&host.host, &node.name)));
        }
    }

    #[test]
    fn a_plan_says_so_where_what_one_prepares_is_missing_on_other_hosts() {
        let notes = |per: &str, folders: &str, hosts: &[HostInput]| {
            let prepare =
                format!("prepare = {{ command = [\"x\"], per = \"{per}\" }}\nshared = [{folders}]\nramdisk = ");
            let text = format!("{}\n[shared.store]\n", REDIS.replace("ramdisk = ", &prepare));
            let plan = try_plan(&with_count(scenario(&text), "worker", 9), hosts, None).unwrap();
            plan.notes.into_iter().filter(|note| note.contains("is prepared once for 2 hosts")).count()
        };
        let three = [host("a"), host("b"), host("c")];
        assert_eq!(notes("cluster", "\"store\"", &three), 1);
        assert_eq!(notes("host", "\"store\"", &three), 0);
        assert_eq!(notes("cluster", "", &three), 0);
        assert_eq!(notes("cluster", "\"store\"", &three[..1]), 0);
    }
}
