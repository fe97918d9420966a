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
    world.tell(Event::Found {
        began: u64::MAX,
        found: vec![found_unrecorded(0, 77, "digest")],
        unseen: Unseen::default(),
    });
    world.tell(Event::Tick);
    assert!(world.queue.iter().all(|command| matches!(command, Command::Publish(_))), "{:?}", world.queue);
    assert!(!world.core.progress().settled);
    // It was restarted by somebody since it was first wanted: that is no reason to do it again.
    world.queue.clear();
    world.apply(&host_spec(1, vec![node(0, DesiredState::Running, 3)]));
    let written = world.queue.iter().filter(|command| matches!(command, Command::Record(_))).count();
    assert_eq!(
        (written, askings(&world).len(), world.phase(0)),
        (1, 1, NodePhase::Starting),
        "nobody has asked it yet"
    );
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
    world.tell(Event::Found {
        began: u64::MAX,
        found: vec![found_unrecorded(0, 77, "digest")],
        unseen: Unseen::default(),
    });
    world.apply(&HostSpec { leaving: vec![], ..host_spec(1, vec![]) });
    world.settle();
    assert_eq!((world.running.get(&key(0)), world.stops.len()), (Some(&77), 0));
    assert!(world.core.progress().settled, "nothing is to be done with it");
    assert_eq!(world.core.progress().clusters, [key(0).cluster], "the coordinator is told of it");
    world.apply(&host_spec(2, vec![]));
    world.settle();
    assert!(world.running.is_empty() && world.resources.is_empty());
}

/// What a look says that cannot list the folders of processes.
fn blind() -> Event {
    let unseen = Unseen { processes: Some(reason(ReasonKind::Host)), ..Unseen::default() };
    Event::Found { began: u64::MAX, found: vec![], unseen }
}

#[test]
fn what_a_look_could_not_see_is_as_it_was() {
    let mut world = World::default();
    world.apply(&host_spec(1, running_nodes(2)));
    world.settle();
    world.tell(Event::Found { began: u64::MAX, found: vec![], unseen: unread(0) });
    assert_eq!(world.phase(1), NodePhase::Backoff, "of that one nothing is left");
    world.running.remove(&key(1));
    world.settle();
    world.tell(blind());
    world.settle();
    assert_eq!((world.starts, world.phase(0), world.phase(1)), (3, NodePhase::Ready, NodePhase::Ready));
    assert!(!world.core.progress().problems.is_empty(), "it is said");
    // A silent engine says nothing of processes.
    world.running.clear();
    let unseen = Unseen { containers: Some(reason(ReasonKind::EngineHung)), ..Unseen::default() };
    world.tell(Event::Found { began: u64::MAX, found: vec![], unseen });
    world.settle();
    assert_eq!((world.starts, world.core.progress().problems), (5, vec![]), "of those nothing is left");
}

fn unread(index: u32) -> Unseen {
    Unseen { nodes: BTreeMap::from([(key(index), reason(ReasonKind::Host))]), ..Unseen::default() }
}

#[test]
fn an_agent_that_has_never_seen_its_processes_starts_none_and_takes_nothing_away() {
    let mut world = World::default();
    world.tell(blind());
    world.apply(&host_spec(1, running_nodes(1)));
    let is_blind = |command: &Command| matches!(command, Command::Settle(settings) if settings.blind);
    assert!(world.queue.iter().any(is_blind), "{:?}", world.queue);
    world.settle();
    assert_eq!((world.starts, world.core.progress().settled), (0, false));
    let waits = world.core.status(&key(0), UnixMillis(0)).unwrap();
    assert_eq!((waits.phase, waits.reason), (NodePhase::Pending, Some(reason(ReasonKind::Host))));
    world.tell(Event::Found { began: u64::MAX, found: vec![], unseen: Unseen::default() });
    world.settle();
    assert_eq!((world.starts, world.core.progress().settled), (1, true));
}

#[test]
fn a_leaving_node_whose_files_cannot_be_read_is_there() {
    let mut world = World::default();
    world.resources.insert(key(0));
    world.tell(Event::Found { began: u64::MAX, found: vec![], unseen: unread(0) });
    world.apply(&host_spec(1, vec![]));
    assert!(world.core.occupied().contains(&key(0).cluster));
    world.settle();
    assert!(world.resources.is_empty(), "it was removed, by whom its folder tells");
}

/// A node that is asked this.
fn asked(text: &str) -> NodeSpec {
    let node = node(0, DesiredState::Running, 1);
    let check = ProbeCheck::Exec { command: vec![text.to_owned()] };
    NodeSpec { ready: node.ready.clone().map(|probe| Probe { check, ..probe }), ..node }
}

/// What is asked of whom by what is to be done, with whether it is ready as far as is known.
fn askings(world: &World) -> Vec<(Option<Probe>, u64, bool)> {
    let asking = |command: &Command| match command {
        Command::Probe { wanted, number, is_ready, .. } => Some((wanted.spec.ready.clone(), *number, *is_ready)),
        _ => None,
    };
    world.queue.iter().filter_map(asking).collect()
}

#[test]
fn what_runs_is_asked_as_the_newest_wish_has_it() {
    let mut world = World::default();
    world.apply(&host_spec(1, vec![asked("two")]));
    world.settle();
    world.apply(&host_spec(2, vec![asked("two")]));
    assert_eq!(askings(&world), [], "it is asked that already");
    world.apply(&host_spec(3, vec![asked("three")]));
    let [(probe, number, true)] = &askings(&world)[..] else { panic!("{:?}", world.queue) };
    assert_eq!((probe, world.phase(0)), (&asked("three").ready, NodePhase::Ready), "until it answers otherwise");
    let late = ProbeNews::NotReady(reason(ReasonKind::Probe));
    world.tell(Event::Probed { key: key(0), number: number - 1, news: late.clone() });
    assert_eq!(world.phase(0), NodePhase::Ready, "that was said to the question before");
    world.tell(Event::Probed { key: key(0), number: *number, news: late.clone() });
    assert_eq!(world.phase(0), NodePhase::Unready);
    world.queue.clear();
    world.apply(&host_spec(4, vec![NodeSpec { ready: None, ..asked("x") }]));
    assert!(world.queue.contains(&Command::EndProbe(key(0))), "{:?}", world.queue);
    let number = world.core.begin_look();
    world.tell(Event::Probed { key: key(0), number, news: late });
    world.settle();
    assert_eq!((world.starts, world.phase(0)), (1, NodePhase::Ready));
}
