//! Which nodes may be changed next: pure, from how each of them stands.
//!
//! *Invariant:* nodes that are down because they were changed, and those that were down anyway, are never more than the
//! bound together, unless more than that were down before anything was changed. One that is down already may be changed
//! in any case: it takes nothing away.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use throng_common::ids::NodeName;

/// How far a change may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bound {
    /// Most nodes that may be down at once.
    pub down: u32,
    /// Most changed nodes that may not come up again before the change is stopped.
    pub failed: u32,
}

/// How a node stands that is to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Standing {
    /// Not changed yet; whether it is up.
    Waiting {
        /// Whether it is up.
        up: bool,
    },
    /// Changed, and not up again yet.
    Changing,
    /// Changed and up again.
    Changed,
    /// Changed, and given up.
    Failed,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) enum Next {
    /// These are changed now.
    Change(BTreeSet<NodeName>),
    /// Nothing can be changed before something comes up.
    Wait,
    /// More failed than may.
    Stop,
    /// All are changed.
    Finished,
}

/// What comes next. `others_down`: nodes of the same roles that are not to be changed and are down.
pub(super) fn next(nodes: &BTreeMap<NodeName, Standing>, others_down: u32, bound: Bound) -> Next {
    let count = |wanted: fn(&Standing) -> bool| size(nodes.values().filter(|standing| wanted(standing)).count());
    let changing = count(|standing| *standing == Standing::Changing);
    let failed = count(|standing| *standing == Standing::Failed);
    if failed > bound.failed {
        return Next::Stop;
    }
    let named = |up: bool| {
        let waiting = nodes.iter().filter(move |(_, standing)| **standing == Standing::Waiting { up });
        waiting.map(|(node, _)| node.clone())
    };
    let (down, up): (Vec<NodeName>, Vec<NodeName>) = (named(false).collect(), named(true).collect());
    if down.is_empty() && up.is_empty() {
        return if changing == 0 { Next::Finished } else { Next::Wait };
    }
    let places = bound.down.saturating_sub(changing);
    let unavailable = changing + failed + size(down.len()) + others_down;
    let room = bound.down.saturating_sub(unavailable).min(places.saturating_sub(size(down.len())));
    let already = down.into_iter().take(usize::try_from(places).unwrap_or(usize::MAX));
    let chosen: BTreeSet<NodeName> = already.chain(up.into_iter().take(usize::try_from(room).unwrap_or(0))).collect();
    if chosen.is_empty() { Next::Wait } else { Next::Change(chosen) }
}

fn size(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn node(index: u32) -> NodeName {
        NodeName::new("worker".parse().unwrap(), index)
    }

    fn standings(all: &[Standing]) -> BTreeMap<NodeName, Standing> {
        (0..).map(node).zip(all.iter().copied()).collect()
    }

    const UP: Standing = Standing::Waiting { up: true };
    const DOWN: Standing = Standing::Waiting { up: false };

    #[test]
    fn the_next_nodes_are_those_that_are_down_already_and_as_many_others_as_may_be() {
        let bound = |down, failed| Bound { down, failed };
        let change = |indices: &[u32]| Next::Change(indices.iter().map(|index| node(*index)).collect());
        let (changing, changed, failed) = (Standing::Changing, Standing::Changed, Standing::Failed);
        let cases: [(&[Standing], u32, Bound, Next); 10] = [
            (&[UP, UP, UP], 0, bound(2, 0), change(&[0, 1])),
            (&[changing, UP, UP], 0, bound(2, 0), change(&[1])),
            (&[changing, changing, UP], 0, bound(2, 0), Next::Wait),
            (&[UP, DOWN, UP], 0, bound(1, 0), change(&[1])),
            (&[UP, UP], 1, bound(1, 0), Next::Wait),
            (&[UP, DOWN], 3, bound(1, 0), change(&[1])),
            (&[failed, UP, UP], 0, bound(2, 1), change(&[1])),
            (&[failed, failed, UP], 0, bound(3, 1), Next::Stop),
            (&[changed, changing], 0, bound(1, 0), Next::Wait),
            (&[changed, changed], 7, bound(1, 0), Next::Finished),
        ];
        for (nodes, others, bound, expected) in cases {
            assert_eq!(next(&standings(nodes), others, bound), expected, "{nodes:?} {others} {bound:?}");
        }
    }

    fn down(nodes: &BTreeMap<NodeName, Standing>) -> u32 {
        let is_down = |standing: &&Standing| !matches!(standing, Standing::Changed | Standing::Waiting { up: true });
        size(nodes.values().filter(is_down).count())
    }

    proptest! {
        /// Plays a change to its end: nodes come up or fail as drawn, one at a time, in any order.
        #[test]
        fn every_state_on_the_way_is_within_the_bound_and_the_end_is_what_was_wanted(
            begin in prop::collection::vec(prop::bool::weighted(0.9), 1..40),
            bound in 1u32..6,
            allowed in 0u32..3,
            fates in prop::collection::vec((any::<prop::sample::Index>(), prop::bool::weighted(0.9)), 200),
        ) {
            let bound = Bound { down: bound, failed: allowed.min(bound - 1) };
            let all: Vec<Standing> = begin.iter().map(|up| Standing::Waiting { up: *up }).collect();
            let mut nodes = standings(&all);
            let before = down(&nodes);
            let mut fates = fates.into_iter();
            loop {
                prop_assert!(down(&nodes) <= bound.down.max(before), "{nodes:?}");
                match next(&nodes, 0, bound) {
                    Next::Finished => break,
                    Next::Stop => {
                        let failed = nodes.values().filter(|standing| **standing == Standing::Failed).count();
                        prop_assert!(size(failed) > bound.failed);
                        return Ok(());
                    }
                    Next::Change(chosen) => {
                        prop_assert!(!chosen.is_empty());
                        for node in chosen {
                            let standing = nodes.insert(node, Standing::Changing);
                            prop_assert!(matches!(standing, Some(Standing::Waiting { .. })), "changed once");
                        }
                    }
                    Next::Wait => {
                        let changing: Vec<NodeName> = nodes.iter()
                            .filter(|(_, standing)| **standing == Standing::Changing)
                            .map(|(node, _)| node.clone())
                            .collect();
                        prop_assert!(!changing.is_empty(), "it waits for nobody: {nodes:?}");
                        let (which, comes_up) = fates.next().expect("each node has one fate");
                        let fate = if comes_up { Standing::Changed } else { Standing::Failed };
                        nodes.insert(which.get(&changing).clone(), fate);
                    }
                }
            }
            prop_assert!(nodes.values().all(|standing| matches!(standing, Standing::Changed | Standing::Failed)));
            prop_assert_eq!(next(&nodes, 0, bound), Next::Finished, "a second look changes nothing");
        }
    }
}
