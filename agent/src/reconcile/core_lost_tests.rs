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
    world.tell(Event::Found { began: u64::MAX, found: vec![found_unrecorded(0, 77, "digest")], seen: Seen::ALL });
    world.tell(Event::Tick);
    assert!(world.queue.iter().all(|command| matches!(command, Command::Publish(_))), "{:?}", world.queue);
    assert!(!world.core.progress().settled);
    // It was restarted by somebody since it was first wanted: that is no reason to do it again.
    world.queue.clear();
    world.apply(&host_spec(1, vec![node(0, DesiredState::Running, 3)]));
    let written = world.queue.iter().filter(|command| matches!(command, Command::Record(_))).count();
    let asked = world.queue.iter().filter(|command| matches!(command, Command::Probe { pid: 77, .. })).count();
    assert_eq!((written, asked, world.phase(0)), (1, 1, NodePhase::Starting), "nobody has asked it yet");
    world.settle();
    assert_eq!((world.running[&key(0)], world.starts, world.phase(0)), (77, 0, NodePhase::Ready));
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
    world.tell(Event::Found { began: u64::MAX, found: vec![found_unrecorded(0, 77, "digest")], seen: Seen::ALL });
    world.apply(&HostSpec { leaving: vec![], ..host_spec(1, vec![]) });
    world.settle();
    assert_eq!((world.running.get(&key(0)), world.stops.len()), (Some(&77), 0));
    assert!(world.core.progress().settled, "nothing is to be done with it");
    assert_eq!(world.core.progress().clusters, [key(0).cluster], "the coordinator is told of it");
    world.apply(&host_spec(2, vec![]));
    world.settle();
    assert!(world.running.is_empty() && world.resources.is_empty());
}

#[test]
fn what_a_look_could_not_see_is_as_it_was() {
    let mut world = World::default();
    world.apply(&host_spec(1, running_nodes(2)));
    world.settle();
    let blind = Seen { processes: false, ..Seen::ALL };
    world.tell(Event::Found { began: u64::MAX, found: vec![], seen: blind });
    let unread = Found { presence: Presence::Unknown, ..found_unrecorded(0, 0, "") };
    world.tell(Event::Found { began: u64::MAX, found: vec![unread], seen: blind });
    world.settle();
    assert_eq!((world.starts, world.phase(0), world.phase(1)), (2, NodePhase::Ready, NodePhase::Ready));
    // A silent engine says nothing of processes.
    world.running.clear();
    world.tell(Event::Found { began: u64::MAX, found: vec![], seen: Seen { containers: false, ..Seen::ALL } });
    world.settle();
    assert_eq!(world.starts, 4, "of those nothing is left");
}

#[test]
fn what_runs_is_asked_as_the_newest_wish_has_it() {
    let mut world = World::default();
    let asked = |text: &str| {
        let command = vec![text.to_owned()];
        let ready = Probe { check: ProbeCheck::Exec { command }, ..node(0, DesiredState::Running, 1).ready.unwrap() };
        NodeSpec { ready: Some(ready), ..node(0, DesiredState::Running, 1) }
    };
    world.apply(&host_spec(1, vec![asked("two")]));
    world.settle();
    world.apply(&host_spec(2, vec![asked("three")]));
    let anew = world.queue.iter().any(|command| match command {
        Command::Probe { wanted, .. } => wanted.spec.ready == asked("three").ready,
        _ => false,
    });
    assert_eq!((anew, world.phase(0)), (true, NodePhase::Ready), "it stays ready until it answers otherwise");
    world.apply(&host_spec(3, vec![NodeSpec { ready: None, ..asked("x") }]));
    world.settle();
    assert_eq!((world.starts, world.phase(0)), (1, NodePhase::Ready));
}
