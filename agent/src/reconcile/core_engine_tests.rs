//! An engine that is silent or wedged, and what the core makes of it.

use throng_common::host_spec::ContainerSpec;
use throng_common::scenario::model::PullPolicy;

use super::*;
use crate::host::engine::model::ContainerId;
use crate::reconcile::engine_state::EngineState;
use crate::reconcile::node_state::Strays;

/// A world with these nodes up, as containers.
fn world_of_containers(count: u32) -> World {
    let mut world = World { containers: true, ..World::default() };
    world.apply(&containers(1, count));
    world.settle();
    assert_eq!(world.running.len(), count as usize);
    world
}

fn containers(generation: u64, count: u32) -> HostSpec {
    let container = ContainerSpec {
        hostname: None,
        image: "x".into(),
        pull: PullPolicy::Missing,
        command: vec![],
        entrypoint: None,
        user: None,
        workdir: None,
        capabilities: vec![],
        read_only: true,
        scratch: vec![],
    };
    let nodes = running_nodes(count).into_iter();
    let nodes = nodes.map(|node| NodeSpec { workload: Workload::Container(container.clone()), ..node });
    host_spec(generation, nodes.collect())
}

fn silent() -> EngineState {
    EngineState::Silent(reason(ReasonKind::EngineHung))
}

fn as_believed(world: &World) -> Vec<Found> {
    let nodes = world.core.nodes();
    let found = |(key, state): (&Key, &NodeState)| Found {
        key: key.clone(),
        presence: state.presence.clone(),
        remembered: None,
        reason: None,
        of_earlier_boot: false,
    };
    nodes.map(found).collect()
}

#[test]
fn a_silent_engine_takes_nothing_away_and_holds_up_only_what_needs_it() {
    let mut world = world_of_containers(2);
    world.tell(Event::Engine(silent()));
    assert_eq!((world.phase(0), world.phase(1)), (NodePhase::Ready, NodePhase::Ready));
    assert_eq!(world.core.progress().problems, [reason(ReasonKind::EngineHung)]);
    assert!(world.core.progress().settled, "nothing is left to do");

    // One more is wanted: it waits, and says for what.
    world.apply(&containers(2, 3));
    world.settle();
    assert_eq!((world.starts, world.phase(2)), (2, NodePhase::Pending));
    let waits = world.core.status(&key(2), world.now.wall).unwrap().reason;
    assert_eq!(waits, Some(reason(ReasonKind::EngineHung)));
    assert!(!world.core.progress().settled);

    world.tell(Event::Engine(EngineState::Answers));
    world.settle();
    assert_eq!((world.starts, world.phase(2)), (3, NodePhase::Ready));
    assert!(world.core.progress().problems.is_empty() && world.core.progress().settled);
}

#[test]
fn a_process_is_started_and_what_runs_is_ended_while_the_engine_is_silent() {
    let mut world = world_of_containers(2);
    world.tell(Event::Engine(silent()));
    world.containers = false;
    let mut spec = containers(2, 1);
    spec.clusters[0].nodes.push(node(7, DesiredState::Running, 1));
    world.apply(&spec);
    world.settle();
    assert_eq!(world.running.keys().cloned().collect::<Vec<_>>(), [key(0), key(7)]);
    assert_eq!(world.stops.len(), 1, "the one that nobody wants any more was asked to end");
}

#[test]
fn an_engine_that_is_wedged_for_some_holds_up_nobody_else() {
    let mut world = world_of_containers(1);
    world.tell(Event::Engine(EngineState::Wedged(reason(ReasonKind::EngineHung))));
    world.apply(&containers(2, 3));
    world.settle();
    assert_eq!(world.running.len(), 3);
    assert_eq!(world.core.progress().problems.len(), 1);
}

#[test]
fn a_container_whose_end_the_engine_does_not_tell_is_unknown_until_it_does() {
    let mut world = world_of_containers(2);
    let pid = world.running[&key(1)];
    world.tell(Event::Vanished { key: key(1), pid, reason: reason(ReasonKind::EngineHung) });
    world.settle();
    assert_eq!((world.phase(0), world.phase(1), world.starts), (NodePhase::Ready, NodePhase::Unknown, 2));
    assert!(world.core.has_unknown());
    world.running.remove(&key(1));
    let mut found = as_believed(&world);
    let container = Some(ContainerId("c1".into()));
    found[1].presence = Presence::Ended { container, digest: "digest".into(), failed: true };
    let began = world.core.begin_look();
    world.tell(Event::Found { began, found, unseen: Unseen::default() });
    assert_eq!(world.phase(1), NodePhase::Backoff, "it is said that it ended");
    world.settle();
    assert_eq!((world.phase(1), world.starts), (NodePhase::Ready, 3), "it ended, and is started again");
}

#[test]
fn an_end_that_an_engine_tells_late_begins_a_new_row_of_a_node_that_had_run_for_long() {
    for (ran_millis, failures) in [(STABLE_AFTER_MILLIS - 1, 4), (STABLE_AFTER_MILLIS, 1)] {
        let mut world = world_of_containers(2);
        world.core.nodes.get_mut(&key(1)).unwrap().failures = 3;
        let began = world.core.nodes[&key(1)].up_since.unwrap();
        world.now = at_last(began.plus(ran_millis));
        let pid = world.running.remove(&key(1)).unwrap();
        world.tell(Event::Vanished { key: key(1), pid, reason: reason(ReasonKind::EngineHung) });
        let mut found = as_believed(&world);
        let container = Some(ContainerId("c1".into()));
        found[1].presence = Presence::Ended { container, digest: "digest".into(), failed: true };
        let began = world.core.begin_look();
        world.tell(Event::Found { began, found, unseen: Unseen::default() });
        assert_eq!(world.core.nodes[&key(1)].failures, failures, "after {ran_millis} ms");
    }
}

#[test]
fn a_look_that_began_before_something_happened_to_a_node_says_nothing_of_it() {
    let mut world = world_of_containers(1);
    let began = world.core.begin_look();
    world.apply(&containers(2, 2));
    world.settle();
    world.tell(Event::Found { began, found: vec![], unseen: Unseen::default() });
    assert_eq!(
        (world.phase(0), world.phase(1)),
        (NodePhase::Backoff, NodePhase::Ready),
        "the younger was not there yet"
    );
}

#[test]
fn a_node_that_is_gone_before_a_look_at_it_is_over_does_not_come_back() {
    let mut world = world_of_containers(2);
    let began = world.core.begin_look();
    let mut found = as_believed(&world);
    found[1].presence = Presence::Absent;
    let unseen = Unseen { nodes: BTreeMap::from([(key(1), reason(ReasonKind::Host))]), ..Unseen::default() };
    let nothing = HostSpec { clusters: vec![], leaving: vec!["c-x7k2".parse().unwrap()], ..host_spec(2, vec![]) };
    world.apply(&nothing);
    world.settle();
    assert_eq!(world.core.nodes().count(), 0);
    world.tell(Event::Found { began, found, unseen });
    assert_eq!((world.core.nodes().count(), world.core.occupied().len()), (0, 0));
    assert!(!world.core.has_unknown());
}

#[test]
fn what_was_lost_with_an_earlier_boot_is_said_and_not_started_again_until_somebody_asks() {
    let mut world = World::default();
    world.core.set_spec(&host_spec(1, running_nodes(2)), |_, _| "digest".to_owned());
    let remembered =
        crate::reconcile::command::Remembered { incarnation: Incarnation(1), restarts: 0, started_at: UnixMillis(5) };
    let lost = |index| Found {
        key: key(index),
        presence: Presence::Absent,
        remembered: Some(remembered.clone()),
        reason: None,
        of_earlier_boot: true,
    };
    world.tell(Event::Found { began: 0, found: vec![lost(0), lost(1)], unseen: Unseen::default() });
    world.settle();
    assert_eq!((world.starts, world.phase(0), world.phase(1)), (0, NodePhase::Failed, NodePhase::Failed));
    let reason = world.core.status(&key(0), world.now.wall).unwrap().reason.unwrap();
    assert!(reason.kind == ReasonKind::Lost && reason.message.contains("booted anew"), "{reason}");
    // The coordinator tells the same again: it does not know yet.
    world.apply(&host_spec(2, running_nodes(2)));
    world.settle();
    assert_eq!(world.starts, 0);
    world.apply(&host_spec(3, vec![node(0, DesiredState::Running, 2)]));
    world.settle();
    assert_eq!((world.starts, world.phase(0)), (1, NodePhase::Ready));
    assert_eq!(world.core.nodes().count(), 1, "of the other nothing is left");
}

#[test]
fn a_silent_engine_does_not_make_a_container_gone() {
    let mut world = world_of_containers(2);
    let unseen = Unseen { containers: Some(reason(ReasonKind::EngineHung)), ..Unseen::default() };
    world.tell(Event::Found { began: u64::MAX, found: vec![], unseen });
    world.settle();
    assert_eq!((world.starts, world.phase(0)), (2, NodePhase::Ready));
    world.tell(Event::Found { began: u64::MAX, found: vec![], unseen: Unseen::default() });
    assert_eq!(world.phase(0), NodePhase::Backoff, "an engine that answers has it no more");
}

/// A node whose start a silent engine did not answer; its container was made.
fn world_with_an_unanswered_start() -> World {
    let mut world = world_of_containers(1);
    world.apply(&containers(2, 2));
    while !world.queue.iter().any(|command| matches!(command, Command::Act(_))) {
        world.work(1);
    }
    world.queue.clear();
    world.tell(Event::Engine(silent()));
    let (presence, strays) = (Some(created()), Some(Strays::Possible));
    let outcome = ActOutcome::Failed { reason: reason(ReasonKind::EngineHung), presence, strays };
    let acted = Acted { key: key(1), action: Action::Start, incarnation: None, outcome };
    world.tell(Event::Acted(acted));
    world
}

fn created() -> Presence {
    Presence::Created { container: ContainerId("c1".into()), digest: "digest".into() }
}

fn look(presence: Presence, unseen: Unseen) -> Event {
    let found = Found { key: key(1), presence, remembered: None, reason: None, of_earlier_boot: false };
    Event::Found { began: u64::MAX, found: vec![found], unseen }
}

#[test]
fn a_folder_alone_does_not_make_a_container_gone_that_a_silent_engine_did_not_list() {
    let mut world = world_with_an_unanswered_start();
    let unseen = Unseen { containers: Some(reason(ReasonKind::EngineHung)), ..Unseen::default() };
    world.tell(look(Presence::Absent, unseen));
    assert_eq!(world.core.node(&key(1)).unwrap().presence, created());
    world.tell(look(Presence::Absent, Unseen::default()));
    assert_eq!(world.core.node(&key(1)).unwrap().presence, Presence::Absent, "the engine has none");
}

#[test]
fn what_a_start_may_have_left_is_kept_in_mind_until_one_is_done_whatever_fails_in_between() {
    let mut world = world_with_an_unanswered_start();
    let strays = |world: &World| world.core.node(&key(1)).unwrap().strays;
    assert_eq!(strays(&world), Strays::Possible);
    world.spoiled.insert(key(1), 1);
    world.tell(Event::Engine(EngineState::Answers));
    while world.spoiled[&key(1)] > 0 {
        world.work(1);
    }
    assert_eq!((strays(&world), world.phase(1)), (Strays::Possible, NodePhase::Backoff));
    world.settle();
    assert_eq!((strays(&world), world.phase(1)), (Strays::None, NodePhase::Ready));
}

#[test]
fn what_was_seen_to_live_of_a_container_that_does_not_run_is_kept_in_mind() {
    let mut world = World::default();
    world.tell(look(created(), Unseen { strays: [key(1)].into(), ..Unseen::default() }));
    assert_eq!(world.core.node(&key(1)).unwrap().strays, Strays::Possible);
}
