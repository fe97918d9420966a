//! What is said of each cluster's share in the work.

use super::*;

#[test]
fn a_cluster_is_gone_and_said_to_be_while_another_one_is_still_on_its_way_up() {
    let mut world = World::default();
    let leaving = host_spec(1, running_nodes(3));
    world.apply(&leaving);
    world.settle();
    let leaves = &leaving.clusters[0].cluster;
    let comes: ClusterId = "d-y8m3".parse().unwrap();
    let mut spec = host_spec(2, running_nodes(20));
    spec.clusters[0].cluster = comes.clone();
    spec.leaving = vec![leaves.clone()];
    world.apply(&spec);

    assert_eq!(world.core.progress().unsettled, [leaves.clone(), comes.clone()]);
    let mut said_early = false;
    while !world.core.progress().settled {
        world.work(1);
        let progress = world.core.progress();
        if !progress.unsettled.contains(leaves) {
            assert!(world.resources.iter().all(|key| key.cluster != *leaves), "{:?}", world.resources);
            assert!(!progress.clusters.contains(leaves), "{progress:?}");
            said_early |= progress.unsettled == [comes.clone()];
        }
    }
    assert!(said_early, "only when both were at rest");
    assert_eq!(world.core.progress().unsettled, []);
}

#[test]
fn a_cluster_that_is_leaving_is_not_called_at_rest_before_the_settings_of_this_agents_life_are() {
    // The former agent died when the last node was gone, and its ports were still reserved.
    let mut world = World::default();
    let mut spec = host_spec(2, vec![]);
    let leaves: ClusterId = "c-x7k2".parse().unwrap();
    spec.leaving = vec![leaves.clone()];
    world.apply(&spec);
    assert_eq!(world.core.progress().unsettled, [leaves]);
    world.settle();
    assert_eq!((world.core.progress().unsettled, world.core.progress().settled), (vec![], true));
}
