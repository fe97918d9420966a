//! Folds the misses of many nodes: equal ones under one node set, never one line a node. Pure.

use std::collections::BTreeMap;

use throng_common::ids::NodeName;
use throng_common::nodeset::NodeSet;

use super::expect::Miss;
use crate::report::model::{Cause, Failure};

/// Most different failures of one step that are told apart; the rest share the last line.
const GROUPS_MAX: usize = 8;

/// The failures, the most frequent first. The details are those of the group's first node, which they name.
pub(super) fn fold(misses: BTreeMap<NodeName, Miss>) -> Vec<Failure> {
    let mut groups: BTreeMap<(Cause, String), Vec<(NodeName, String)>> = BTreeMap::new();
    for (node, miss) in misses {
        groups.entry((miss.cause, miss.message)).or_default().push((node, miss.detail));
    }
    let mut failures: Vec<Failure> = Vec::new();
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, nodes)| std::cmp::Reverse(nodes.len()));
    let rest = if groups.len() > GROUPS_MAX { groups.split_off(GROUPS_MAX - 1) } else { Vec::new() };
    for ((cause, message), nodes) in groups {
        failures.push(failure(cause, message, &nodes));
    }
    // What is least to be excused speaks for all that share the line.
    if let Some(((cause, message), _)) = rest.iter().min_by_key(|((cause, _), _)| cause.excuse()) {
        let message = format!("{} other outcomes, for instance: {message}", rest.len());
        let nodes: Vec<(NodeName, String)> = rest.iter().flat_map(|(_, nodes)| nodes.clone()).collect();
        failures.push(failure(*cause, message, &nodes));
    }
    failures
}

/// A failure of the step as a whole, of no node.
pub(super) fn whole(miss: Miss) -> Failure {
    Failure { nodes: String::new(), count: 0, cause: miss.cause, message: miss.message, detail: miss.detail }
}

fn failure(cause: Cause, message: String, nodes: &[(NodeName, String)]) -> Failure {
    let set: NodeSet = nodes.iter().map(|(node, _)| node).collect();
    let detail = match nodes.iter().find(|(_, detail)| !detail.is_empty()) {
        Some((node, detail)) if nodes.len() > 1 => format!("for instance {node}\n{detail}"),
        Some((_, detail)) => detail.clone(),
        None => String::new(),
    };
    Failure { nodes: set.to_string(), count: count(set.len()), cause, message, detail }
}

/// A count for the report.
pub(super) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use throng_common::ids::RoleName;

    use super::*;
    use crate::report::human::failures::failure_line;

    fn misses(count: u32, message: impl Fn(u32) -> String) -> BTreeMap<NodeName, Miss> {
        let role = RoleName::new("worker").unwrap();
        let miss =
            |index| Miss { cause: Cause::WrongValue, message: message(index), detail: format!("stderr:\n{index}") };
        (0..count).map(|index| (NodeName::new(role.clone(), index), miss(index))).collect()
    }

    #[test]
    fn equal_outcomes_are_one_line_and_the_most_frequent_comes_first() {
        let folded = fold(misses(1000, |index| if index % 500 == 3 { "b".to_owned() } else { "a".to_owned() }));
        let lines: Vec<String> = folded.iter().map(failure_line).collect();
        assert_eq!(lines, ["worker-[0000-0002,0004-0502,0504-0999] (998): a", "worker-[0003,0503] (2): b"]);
        assert_eq!(folded[1].detail, "for instance worker-0003\nstderr:\n3");
    }

    #[test]
    fn a_thousand_different_outcomes_are_a_handful_of_lines() {
        let folded = fold(misses(1000, |index| format!("stdout is \"{index}\"")));
        assert_eq!(folded.len(), GROUPS_MAX);
        assert_eq!(folded.iter().map(|failure| failure.count).sum::<u32>(), 1000);
        assert!(folded[7].message.starts_with("993 other outcomes, for instance:"), "{}", folded[7].message);
    }

    proptest! {
        #[test]
        fn folding_loses_no_node_and_keeps_its_bounds(kinds in proptest::collection::vec(0u32..40, 1..300)) {
            let total = u32::try_from(kinds.len()).unwrap();
            let folded = fold(misses(total, |index| format!("kind {}", kinds[usize::try_from(index).unwrap()])));
            prop_assert_eq!(folded.iter().map(|failure| failure.count).sum::<u32>(), total);
            prop_assert!(folded.len() <= GROUPS_MAX);
        }
    }

    #[test]
    fn a_wrong_value_among_rare_outcomes_is_not_taken_for_lateness() {
        let mut all = misses(100, |index| format!("no end within {}s", index / 10));
        for (node, miss) in &mut all {
            miss.cause = if node.index() == 99 { Cause::WrongValue } else { Cause::TimedOut };
        }
        let folded = fold(all);
        assert_eq!(folded.last().unwrap().cause, Cause::WrongValue, "{folded:#?}");
    }

    #[test]
    fn scattered_nodes_stay_a_set_that_can_be_read_and_do_not_fill_the_screen() {
        let folded = fold(misses(1000, |index| if index % 2 == 0 { "a".to_owned() } else { "b".to_owned() }));
        assert_eq!(folded[0].nodes.parse::<NodeSet>().unwrap().len(), 500);
        let line = failure_line(&folded[0]);
        assert!(line.ends_with(",...] (500): a") && line.len() < 450, "{line}");
    }
}
