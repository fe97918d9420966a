//! Which of the clusters that are to be swept may be: pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use throng_common::ids::ClusterId;

/// What is swept, and what is left and why.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct SweepPlan {
    /// These are.
    pub(super) swept: BTreeSet<ClusterId>,
    /// These are not, with the reason.
    pub(super) left: BTreeMap<ClusterId, String>,
}

/// Parts the clusters that are asked for. `occupied`: those that the reconcile loop wants or is taking away;
/// `neighbours`: those of other throngs of this machine, with whose they are.
pub(super) fn plan(
    asked: BTreeSet<ClusterId>,
    occupied: &BTreeSet<ClusterId>,
    neighbours: &BTreeMap<ClusterId, String>,
) -> SweepPlan {
    let mut plan = SweepPlan::default();
    for cluster in asked {
        let reason = match neighbours.get(&cluster) {
            _ if occupied.contains(&cluster) => {
                Some("this agent has nodes of it, and it is not for sweeping".to_owned())
            }
            Some(whose) => Some(format!("it is known to {whose}")),
            None => None,
        };
        match reason {
            Some(reason) => drop(plan.left.insert(cluster, reason)),
            None => drop(plan.swept.insert(cluster)),
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids() -> impl Strategy<Value = BTreeSet<ClusterId>> {
        prop::collection::btree_set((0u8..8).prop_map(|n| ClusterId::new(format!("c-{n}")).unwrap()), 0..6)
    }

    proptest! {
        #[test]
        fn each_is_swept_or_left_and_nothing_that_somebody_knows_is_swept(
            asked in ids(), occupied in ids(), known in ids()
        ) {
            let neighbours = known.iter().map(|id| (id.clone(), "another agent".to_owned())).collect();
            let plan = plan(asked.clone(), &occupied, &neighbours);
            let left: BTreeSet<_> = plan.left.keys().cloned().collect();
            prop_assert!(plan.swept.is_disjoint(&left));
            prop_assert_eq!(plan.swept.union(&left).cloned().collect::<BTreeSet<_>>(), asked);
            prop_assert!(plan.swept.is_disjoint(&occupied) && plan.swept.is_disjoint(&known));
        }
    }
}
