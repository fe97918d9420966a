//! An agent that has lost its ledger.

use super::*;

/// What an agent finds that has lost its ledger: a node runs, and nobody remembers from what wish.
fn found_unrecorded(index: u32, pid: u32, digest: &str) -> Found {
    let running = Running { container: None, image_id: None, pid, digest: digest.to_owned(), stop: DEFAULT_STOP };
    Found {
        key: key(index),
        presence: Presence::Running(running),
        remembered: None,
        reason: None,
        of_earlier_boot: false,
    }
}

#[test]
fn an_agent_that_lost_its_ledger_touches_nothing_until_it_is_told_what_is_wanted() {
    let mut world = World::default();
    world.running.insert(key(0), 77);
    world.tell(Event::Found { began: u64::MAX, found: vec![found_unrecorded(0, 77, "digest")] });
    world.tell(Event::Tick);
    assert!(world.queue.iter().all(|command| matches!(command, Command::Publish(_))), "{:?}", world.queue);
    assert!(!world.core.progress().settled);
    // It was restarted by somebody since it was first wanted: that is no reason to do it again.
    world.apply(&host_spec(1, vec![node(0, DesiredState::Running, 3)]));
    world.settle();
    assert_eq!((world.running[&key(0)], world.starts), (77, 0));
    world.apply(&host_spec(2, vec![node(0, DesiredState::Running, 4)]));
    world.settle();
    assert_eq!(world.starts, 1, "a newer wish is one");
    world.apply(&host_spec(3, vec![]));
    world.settle();
    assert!(world.running.is_empty() && world.resources.is_empty());
}

#[test]
fn a_cluster_that_nobody_remembers_runs_on_until_somebody_lets_it_go() {
    let mut world = World::default();
    world.running.insert(key(0), 77);
    world.resources.insert(key(0));
    world.tell(Event::Found { began: u64::MAX, found: vec![found_unrecorded(0, 77, "digest")] });
    world.apply(&HostSpec { leaving: vec![], ..host_spec(1, vec![]) });
    world.settle();
    assert_eq!((world.running.get(&key(0)), world.stops.len()), (Some(&77), 0));
    assert!(world.core.progress().settled, "nothing is to be done with it");
    assert_eq!(world.core.progress().clusters, [key(0).cluster], "the coordinator is told of it");
    world.apply(&host_spec(2, vec![]));
    world.settle();
    assert!(world.running.is_empty() && world.resources.is_empty());
}
