//! Folding: nodes of which the same is to be said stand under one node set.

use std::collections::HashMap;
use std::hash::Hash;

use throng_common::ids::NodeName;
use throng_common::nodeset::NodeSet;

/// Nodes of which the same is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold<T> {
    /// The nodes.
    pub nodes: NodeSet,
    /// What they have in common.
    pub value: T,
}

impl<T> Fold<T> {
    /// The nodes and how many they are: `worker-[0001-0996,0998] (997)`; one node is just named.
    pub fn heading(&self) -> String {
        match self.nodes.len() {
            1 => self.nodes.to_string(),
            count => format!("{} ({count})", self.nodes),
        }
    }
}

/// Folds equal values. The largest group comes first, equally large ones by their first node.
pub fn fold<T: Eq + Hash>(values: impl IntoIterator<Item = (NodeName, T)>) -> Vec<Fold<T>> {
    let mut groups: HashMap<T, NodeSet> = HashMap::new();
    for (node, value) in values {
        groups.entry(value).or_default().insert(&node);
    }
    let mut folds: Vec<Fold<T>> = groups.into_iter().map(|(value, nodes)| Fold { nodes, value }).collect();
    folds.sort_by_cached_key(|fold| (usize::MAX - fold.nodes.len(), fold.nodes.iter().next()));
    folds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> NodeName {
        text.parse().unwrap()
    }

    #[test]
    fn equal_values_fold_under_one_node_set_largest_first() {
        let mut values: Vec<(NodeName, &str)> = (0..1000)
            .filter(|index| *index != 997)
            .map(|index| (node(&format!("worker-{index:04}")), "PONG"))
            .collect();
        values.push((node("worker-0997"), "refused"));
        values.push((node("primary-0000"), "refused"));
        let headings: Vec<(String, &str)> = fold(values).iter().map(|fold| (fold.heading(), fold.value)).collect();
        assert_eq!(
            headings,
            [
                ("worker-[0000-0996,0998-0999] (999)".to_owned(), "PONG"),
                ("primary-0000,worker-0997 (2)".to_owned(), "refused"),
            ]
        );
    }

    #[test]
    fn equally_large_groups_come_in_the_order_of_their_nodes() {
        let folds = fold([(node("b-0000"), 1), (node("a-0000"), 2), (node("c-0000"), 3)]);
        let order: Vec<String> = folds.iter().map(Fold::heading).collect();
        assert_eq!(order, ["a-0000", "b-0000", "c-0000"]);
    }
}
