//! A newer wish that comes while an older one is followed.

use super::*;

/// Does what is left until a node is worked on.
fn work_until_acting(world: &mut World) {
    while !world.queue.iter().any(|command| matches!(command, Command::Act(_))) {
        world.work(1);
    }
}

/// A node that is being started when it is asked to begin anew.
fn asked_while_started(spoiled: bool) -> World {
    let mut world = World::default();
    world.spoiled.extend(spoiled.then(|| (key(0), 1)));
    world.apply(&host_spec(1, vec![node(0, DesiredState::Running, 1)]));
    work_until_acting(&mut world);
    world.apply(&host_spec(2, vec![node(0, DesiredState::Running, 2)]));
    world.settle();
    world
}

#[test]
fn a_node_that_is_asked_to_begin_anew_while_it_is_started_begins_anew() {
    let world = asked_while_started(false);
    assert_eq!((world.starts, world.stops.len()), (2, 1));
    let status = world.core.status(&key(0), world.now.wall).unwrap();
    assert_eq!((status.incarnation, status.restarts), (Incarnation(2), 0));
    assert_eq!(world.recorded[&key(0)], Incarnation(2), "the next agent starts it no third time");
}

#[test]
fn a_newer_wish_is_not_done_with_because_an_older_one_failed() {
    let world = asked_while_started(true);
    assert_eq!((world.starts, world.running.len()), (2, 1));
    assert_eq!(world.now.uptime, Uptime(0), "it is followed at once, without the pause after a failure");
    assert_eq!(world.core.status(&key(0), world.now.wall).unwrap().incarnation, Incarnation(2));
}

#[test]
fn a_node_that_is_wanted_again_while_it_is_removed_leaves_nothing_when_it_goes() {
    let mut world = World::default();
    world.apply(&host_spec(1, running_nodes(1)));
    world.settle();
    world.apply(&host_spec(2, vec![]));
    world.work(1);
    while world.running.contains_key(&key(0)) {
        world.work(1);
    }
    work_until_acting(&mut world);
    world.apply(&host_spec(3, running_nodes(1)));
    world.settle();
    assert!(world.running.contains_key(&key(0)));
    world.apply(&host_spec(4, vec![]));
    world.settle();
    assert!(world.running.is_empty() && world.resources.is_empty(), "{:?}", world.resources);
}
