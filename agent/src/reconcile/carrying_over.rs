//! What becomes of clusters of which a new desired state says nothing: the coordinator's journal does not know them, since
//! it was lost or is an older copy. Pure.

use std::collections::BTreeSet;

use throng_common::host_spec::HostSpec;
use throng_common::ids::ClusterId;

/// Adds to a new desired state what was held of clusters that it does not name: their parts, and that they leave as long
/// as they are among the `occupied` ones. What is not held either stays as it is found.
pub(super) fn carry_over(given: &mut HostSpec, held: &HostSpec, occupied: &BTreeSet<ClusterId>) {
    let named: BTreeSet<ClusterId> = given.named().cloned().collect();
    given.clusters.extend(held.clusters.iter().filter(|part| !named.contains(&part.cluster)).cloned());
    given.leaving.extend(held.leaving.iter().filter(|id| !named.contains(*id) && occupied.contains(*id)).cloned());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::core::tests::{host_spec, node};
    use throng_common::host_spec::DesiredState;

    #[test]
    fn what_is_not_named_stays_as_it_is_held_and_what_was_told_to_leave_leaves() {
        let ids = |ids: &[&str]| -> Vec<ClusterId> { ids.iter().map(|id| id.parse().unwrap()).collect() };
        let held = HostSpec {
            leaving: ids(&["gone-x7k2", "going-x7k2"]),
            ..host_spec(1, vec![node(0, DesiredState::Running, 1)])
        };
        let occupied = ids(&["c-x7k2", "going-x7k2"]).into_iter().collect();
        let nothing = || HostSpec { clusters: vec![], leaving: vec![], ..host_spec(2, vec![]) };
        let carried = |mut given: HostSpec| {
            carry_over(&mut given, &held, &occupied);
            given
        };
        let unknown = carried(nothing());
        assert_eq!((&unknown.clusters, unknown.leaving), (&held.clusters, ids(&["going-x7k2"])));
        let told_to_leave = carried(HostSpec { leaving: ids(&["c-x7k2"]), ..nothing() });
        assert_eq!((told_to_leave.clusters, told_to_leave.leaving), (vec![], ids(&["c-x7k2", "going-x7k2"])));
        let newer = host_spec(2, vec![node(1, DesiredState::Running, 1)]);
        assert_eq!(carried(newer.clone()).clusters, newer.clusters, "what is given of a cluster is all of it");
    }
}
