//! Whatever is wanted and whatever happens, in any order.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    /// What is wanted, and how much is done before the next step.
    Want(Vec<(u32, bool, u64)>, usize),
    Kill(u32),
    Spoil(u32),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (proptest::collection::btree_map(0u32..8, (any::<bool>(), 1u64..4), 0..8), 0usize..40).prop_map(
            |(nodes, work)| {
                Step::Want(nodes.into_iter().map(|(index, (run, inc))| (index, run, inc)).collect(), work)
            }
        ),
        (0u32..8).prop_map(Step::Kill),
        (0u32..8).prop_map(Step::Spoil),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_host_comes_to_what_is_desired(steps in proptest::collection::vec(any_step(), 1..12)) {
        let mut world = World::default();
        let mut wanted: Vec<(u32, bool, u64)> = vec![];
        for (generation, step) in steps.into_iter().enumerate() {
            match step {
                Step::Want(nodes, work) => {
                    let desired = |run| if run { DesiredState::Running } else { DesiredState::Stopped };
                    let specs = nodes.iter().map(|(index, run, inc)| node(*index, desired(*run), *inc)).collect();
                    world.apply(&host_spec(generation as u64, specs));
                    wanted = nodes;
                    world.work(work);
                }
                Step::Kill(index) => {
                    world.kill(&key(index));
                    world.settle();
                }
                Step::Spoil(index) => {
                    world.spoiled.insert(key(index), 1);
                    world.settle();
                }
            }
            // Failures that follow each other closely add up until a node is given up; another test is about that.
            world.now = at_last(world.now.uptime.plus(STABLE_AFTER_MILLIS));
        }
        world.settle();
        let expected: BTreeSet<Key> = wanted.iter().filter(|(_, run, _)| *run).map(|(index, ..)| key(*index)).collect();
        let running: BTreeSet<Key> = world.running.keys().cloned().collect();
        prop_assert_eq!(running, expected);
        for (index, _, incarnation) in wanted.iter().filter(|(_, run, _)| *run) {
            let (key, asked) = (key(*index), Incarnation(*incarnation));
            let recorded = world.recorded[&key];
            prop_assert!(recorded >= asked, "{key} was asked to begin anew and was not: {recorded:?}, {asked:?}");
            let believed = world.core.status(&key, world.now.wall).unwrap().incarnation;
            prop_assert_eq!(believed, recorded, "the next agent would take {} for another", key);
        }
        let known: BTreeSet<Key> = wanted.iter().map(|(index, ..)| key(*index)).collect();
        prop_assert!(world.resources.is_subset(&known), "resources of nodes that nobody wants are left");
        let starts = world.starts;
        world.tell(Event::Tick);
        world.settle();
        prop_assert_eq!(world.starts, starts, "the second plan is empty");
    }
}
