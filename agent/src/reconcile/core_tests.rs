use std::time::Duration;

use throng_common::host_spec::{
    HostSpec, Limits, NodeSpec, Probe, ProbeCheck, ProcessSpec, RestartSpec, StartPace, StopSpec, Workload,
};
use throng_common::ids::{Epoch, Incarnation, NodeName};
use throng_common::scenario::model::RestartWhen;
use throng_common::status::{HostProgress, ReasonKind};

use super::super::command::{Found, Settled, Unseen};
use super::super::node_state::{DEFAULT_STOP, Running, STABLE_AFTER_MILLIS};
use super::*;

#[path = "core_engine_tests.rs"]
mod engine;
#[path = "core_lost_tests.rs"]
mod lost;
#[path = "core_newer_tests.rs"]
mod newer;
#[path = "core_property_tests.rs"]
mod property;
#[path = "core_standing_tests.rs"]
mod standing;

pub(in crate::reconcile) fn node(index: u32, desired: DesiredState, incarnation: u64) -> NodeSpec {
    NodeSpec {
        name: NodeName::new("worker".parse().unwrap(), index),
        desired,
        incarnation: Incarnation(incarnation),
        workload: Workload::Process(ProcessSpec { command: vec!["x".into()], user: "0".into(), workdir: None }),
        env: vec![],
        files: vec![],
        ports: vec![],
        ramdisks: vec![],
        disk: None,
        shared: vec![],
        limits: Limits::default(),
        prepare: None,
        ready: Some(Probe {
            check: ProbeCheck::Exec { command: vec![] },
            timeout: Duration::from_secs(1),
            interval: Duration::from_secs(1),
        }),
        stop: StopSpec { signal: 15, grace: Duration::from_secs(5) },
        restart: RestartSpec { when: RestartWhen::Failure, max: 3, backoff: Duration::from_millis(100) },
        at_once: 0,
        structure: None,
    }
}

pub(in crate::reconcile) fn host_spec(generation: u64, nodes: Vec<NodeSpec>) -> HostSpec {
    let cluster = ClusterSpec {
        cluster: "c-x7k2".parse().unwrap(),
        address: "127.84.0.1".parse().unwrap(),
        manage_address: false,
        names: vec![],
        ports: throng_common::ports::PortSet::default(),
        sysctls: vec![],
        pace: StartPace { parallel: 2, per_second: None },
        nodes,
    };
    let leaving = if cluster.nodes.is_empty() { vec![cluster.cluster.clone()] } else { vec![] };
    HostSpec {
        fleet: "f".parse().unwrap(),
        host: "local".parse().unwrap(),
        epoch: Epoch(1),
        generation: Generation(generation),
        lease: None,
        clusters: if cluster.nodes.is_empty() { vec![] } else { vec![cluster] },
        leaving,
    }
}

/// A host on which everything works, but for the nodes that it is told to spoil.
#[derive(Default)]
struct World {
    core: Core,
    queue: Vec<Command>,
    running: BTreeMap<Key, u32>,
    /// The incarnation that each node was started for: what the ledger is given.
    recorded: BTreeMap<Key, Incarnation>,
    resources: BTreeSet<Key>,
    next_pid: u32,
    /// Failures that starts of this node still have before them.
    spoiled: BTreeMap<Key, u32>,
    settles: u32,
    starts: u32,
    most_at_once: usize,
    /// Most nodes that were being started or asked whether they are ready.
    most_warming: usize,
    /// How each node was stopped.
    stops: Vec<(Key, StopSpec)>,
    /// Whether what is started is a container.
    containers: bool,
    now: Now,
}

/// The clock that nobody sets says this, and the wall's says anything.
fn at_last(uptime: Uptime) -> Now {
    Now { wall: UnixMillis(uptime.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20), uptime }
}

impl World {
    fn apply(&mut self, spec: &HostSpec) {
        self.core.set_spec(spec, |_, _| "digest".to_owned());
        self.tell(Event::Tick);
    }

    fn tell(&mut self, event: Event) {
        let commands = self.core.handle(event, self.now);
        self.queue.extend(commands);
        let acting = self.queue.iter().filter(|command| matches!(command, Command::Act(_))).count();
        self.most_at_once = self.most_at_once.max(acting);
        let asked = self.queue.iter().filter(|command| matches!(command, Command::Probe { .. })).count();
        self.most_warming = self.most_warming.max(acting + asked);
    }

    /// Does what it is told until nothing is left, time passing where it must.
    fn settle(&mut self) {
        assert!(self.work(100_000), "the host never comes to rest");
    }

    /// Does as much of it as this; whether nothing is left.
    fn work(&mut self, steps: usize) -> bool {
        for _ in 0..steps {
            if self.queue.is_empty() {
                self.check_agenda();
                let Some(at) = self.core.wake_at() else { return true };
                self.now = at_last(at);
                self.tell(Event::Tick);
                continue;
            }
            match self.queue.remove(0) {
                Command::Act(job) => self.act(*job),
                Command::Settle(settings) => {
                    self.settles += 1;
                    self.tell(Event::Settled(Settled { settings, ..Settled::default() }));
                }
                Command::Probe { key, number, .. } => self.tell(Event::Probed { key, number, news: ProbeNews::Ready }),
                Command::EndProbe(_) | Command::Record(_) | Command::Publish(_) | Command::Gone(_) => {}
            }
        }
        false
    }

    /// The agenda holds of every node what would be decided now, and of nothing else.
    fn check_agenda(&self) {
        let core = &self.core;
        for (key, state) in &core.nodes {
            let (decided, _) = core.next_step(key, state, self.now.uptime);
            match core.agenda.place(key) {
                Some(Decision::WaitUntil(at)) if at <= self.now.uptime => {} // the next tick moves it
                place => assert_eq!(place.unwrap_or(Decision::Nothing), decided, "{key}: {state:?}"),
            }
        }
        assert!(core.agenda.places() <= core.nodes.len());
    }

    fn act(&mut self, job: Job) {
        let (key, action) = (job.key, job.action);
        let incarnation = job.wanted.as_ref().map(|wanted| wanted.spec.incarnation);
        let outcome = match action {
            Action::Start | Action::Replace => {
                self.starts += 1;
                self.resources.insert(key.clone());
                assert!(!self.running.contains_key(&key), "{key} is started while it runs");
                let left = self.spoiled.entry(key.clone()).or_default();
                if *left > 0 {
                    *left -= 1;
                    ActOutcome::Failed {
                        reason: reason(ReasonKind::PortTaken),
                        presence: Some(Presence::Absent),
                        strays: None,
                    }
                } else {
                    self.next_pid += 1;
                    self.running.insert(key.clone(), self.next_pid);
                    self.recorded.extend(incarnation.map(|incarnation| (key.clone(), incarnation)));
                    let stop = job.wanted.map_or(DEFAULT_STOP, |wanted| wanted.spec.stop.clone());
                    let digest = "digest".into();
                    let id = || crate::host::engine::model::ContainerId(format!("c{}", key.node.index()));
                    let container = self.containers.then(id);
                    ActOutcome::Started(Running { container, image_id: None, pid: self.next_pid, digest, stop })
                }
            }
            Action::Stop => {
                let Presence::Running(running) = job.state.presence else {
                    panic!("{key} is stopped and does not run")
                };
                self.stops.push((key.clone(), running.stop));
                self.running.remove(&key);
                ActOutcome::Stopped(Presence::Absent)
            }
            Action::Remove => {
                assert!(!self.running.contains_key(&key), "{key} is removed while it runs");
                self.resources.remove(&key);
                ActOutcome::Removed
            }
        };
        self.tell(Event::Acted(Acted { key, action, incarnation, outcome }));
    }

    fn kill(&mut self, key: &Key) {
        if let Some(pid) = self.running.remove(key) {
            self.tell(Event::Ended { key: key.clone(), pid, reason: reason(ReasonKind::Signalled), failed: true });
        }
    }

    fn phase(&self, index: u32) -> NodePhase {
        self.core.status(&key(index), self.now.wall).unwrap().phase
    }
}

fn reason(kind: ReasonKind) -> Reason {
    Reason::new(kind, "why")
}

fn key(index: u32) -> Key {
    Key { cluster: "c-x7k2".parse().unwrap(), node: NodeName::new("worker".parse().unwrap(), index) }
}

fn running_nodes(count: u32) -> Vec<NodeSpec> {
    (0..count).map(|index| node(index, DesiredState::Running, 1)).collect()
}

#[test]
fn no_more_than_asked_for_are_on_their_way_to_being_ready() {
    for (at_once, most) in [(3, 3..=3), (0, 4..=40)] {
        let nodes = (0..20).map(|index| NodeSpec { at_once, ..node(index, DesiredState::Running, 1) }).collect();
        let mut spec = host_spec(1, nodes);
        spec.clusters[0].pace = StartPace { parallel: 100, per_second: None };
        let mut world = World::default();
        world.apply(&spec);
        world.settle();
        assert_eq!((world.running.len(), world.core.progress().settled), (20, true));
        assert!(most.contains(&world.most_warming), "{at_once}: {}", world.most_warming);
    }
}

#[test]
fn nodes_come_up_bounded_and_go_away_without_a_trace() {
    let mut world = World::default();
    world.apply(&host_spec(1, running_nodes(20)));
    world.settle();
    assert_eq!((world.running.len(), world.starts, world.most_at_once), (20, 20, 2));
    assert!(world.core.progress().settled);
    world.apply(&host_spec(2, vec![]));
    assert!(!world.core.progress().settled);
    world.settle();
    assert!(world.running.is_empty() && world.resources.is_empty());
    assert_eq!((world.core.nodes().count(), world.core.clusters().count()), (0, 0));
    assert_eq!(
        world.core.progress(),
        HostProgress {
            generation: Generation(2),
            settled: true,
            unsettled: vec![],
            problems: vec![],
            clusters: vec![]
        }
    );
}

#[test]
fn a_killed_node_comes_back_and_others_are_not_touched() {
    let mut world = World::default();
    world.apply(&host_spec(1, running_nodes(3)));
    world.settle();
    let before = world.running.clone();
    world.kill(&key(1));
    assert_eq!(world.phase(1), NodePhase::Backoff);
    world.settle();
    assert_eq!(world.phase(1), NodePhase::Ready);
    assert_ne!(world.running[&key(1)], before[&key(1)]);
    assert_eq!((world.running[&key(0)], world.running[&key(2)]), (before[&key(0)], before[&key(2)]));
    assert_eq!(world.core.status(&key(1), world.now.wall).unwrap().restarts, 1);
}

#[test]
fn a_node_that_cannot_start_is_given_up_with_its_reason_and_a_restart_tries_anew() {
    let mut world = World::default();
    world.spoiled.insert(key(0), 4);
    world.apply(&host_spec(1, running_nodes(2)));
    world.settle();
    assert_eq!((world.phase(0), world.phase(1)), (NodePhase::Failed, NodePhase::Ready));
    assert_eq!(world.starts, 1 + 4, "the first try and three more");
    assert!(world.core.progress().settled, "a failed node is not waited for");
    world.apply(&host_spec(2, vec![node(0, DesiredState::Running, 2), node(1, DesiredState::Running, 1)]));
    world.settle();
    assert_eq!(world.phase(0), NodePhase::Ready);
}

#[test]
fn nothing_is_started_before_the_host_has_its_settings() {
    let mut world = World::default();
    world.apply(&host_spec(1, running_nodes(2)));
    let Some(Command::Settle(settings)) = world.queue.pop() else { panic!("{:?}", world.queue) };
    world.queue.clear();
    let obstacles = vec![reason(ReasonKind::Sysctl)];
    world.tell(Event::Settled(Settled { settings, obstacles: obstacles.clone(), ..Settled::default() }));
    assert!(!world.queue.iter().any(|command| matches!(command, Command::Act(_))));
    assert_eq!(world.core.progress().problems, obstacles);
    assert_eq!(
        world.core.status(&key(0), world.now.wall).unwrap().reason.as_ref(),
        obstacles.first(),
        "it says for what it waits"
    );
    world.settle();
    assert_eq!(world.running.len(), 2, "it is tried again after a while");
}

#[test]
fn an_adopted_node_keeps_running_and_a_lost_one_is_started() {
    let mut world = World::default();
    world.core.set_spec(&host_spec(1, running_nodes(2)), |_, _| "digest".to_owned());
    world.running.insert(key(0), 77);
    let running = Running { container: None, image_id: None, pid: 77, digest: "digest".into(), stop: DEFAULT_STOP };
    let remembered =
        super::super::command::Remembered { incarnation: Incarnation(1), restarts: 2, started_at: UnixMillis(5) };
    let stranger = Found {
        key: key(9),
        presence: Presence::Running(Running {
            container: None,
            image_id: None,
            pid: 78,
            digest: "old".into(),
            stop: by(2, 30),
        }),
        remembered: None,
        reason: None,
        of_earlier_boot: false,
    };
    world.running.insert(key(9), 78);
    let adopted = Found {
        key: key(0),
        presence: Presence::Running(running),
        remembered: Some(remembered),
        reason: None,
        of_earlier_boot: false,
    };
    world.tell(Event::Found { began: u64::MAX, found: vec![adopted, stranger], unseen: Unseen::default() });
    world.settle();
    assert_eq!(world.running.get(&key(0)), Some(&77), "it was not restarted");
    assert_eq!(world.core.status(&key(0), world.now.wall).unwrap().restarts, 2);
    assert_eq!(world.starts, 1, "only the missing one was started");
    assert!(!world.running.contains_key(&key(9)), "what nobody wants was removed");
    assert_eq!(world.stops, [(key(9), by(2, 30))], "as the ledger knew it");
}

#[test]
fn remains_that_nobody_wants_are_removed_and_those_of_a_wanted_node_are_no_news_but_that_it_is_lost() {
    let mut world = World::default();
    world.apply(&host_spec(1, running_nodes(1)));
    world.settle();
    world.running.remove(&key(0));
    world.resources.insert(key(9));
    let remains =
        |key| Found { key, presence: Presence::Absent, remembered: None, reason: None, of_earlier_boot: false };
    world.tell(Event::Found {
        began: u64::MAX,
        found: vec![remains(key(0)), remains(key(9))],
        unseen: Unseen::default(),
    });
    assert_eq!(world.core.nodes().find(|(known, _)| **known == key(0)).unwrap().1.failures, 1, "it was lost");
    world.settle();
    assert_eq!(world.resources, BTreeSet::from([key(0)]), "what an agent left in the midst of a removal is removed");
    assert!(world.running.contains_key(&key(0)));
}

#[test]
fn a_node_is_stopped_as_it_was_last_wanted_when_it_is_wanted_no_more() {
    let with = |stops: [StopSpec; 2]| {
        let nodes = running_nodes(2).into_iter().zip(stops);
        nodes.map(|(node, stop)| NodeSpec { stop, ..node }).collect::<Vec<_>>()
    };
    let mut world = World::default();
    world.apply(&host_spec(1, with([by(2, 60), by(3, 7)])));
    world.settle();
    // Another way to be stopped is no reason to be started again.
    let otherwise = world.core.set_spec(&host_spec(2, with([by(2, 60), by(1, 9)])), |_, _| "digest".to_owned());
    assert_eq!(otherwise, [key(1)], "the ledger is told of it");
    world.tell(Event::Tick);
    world.settle();
    assert_eq!((world.starts, world.stops.len()), (2, 0));
    world.apply(&host_spec(3, vec![]));
    world.settle();
    assert_eq!(world.stops, [(key(0), by(2, 60)), (key(1), by(1, 9))]);
}

#[test]
fn a_node_that_was_stopped_runs_again_when_it_is_wanted_again() {
    let mut world = World::default();
    for (generation, desired) in [(1, DesiredState::Running), (2, DesiredState::Stopped), (3, DesiredState::Running)] {
        world.apply(&host_spec(generation, vec![node(0, desired, 1)]));
        world.settle();
        assert_eq!(world.running.contains_key(&key(0)), desired == DesiredState::Running, "{desired:?}");
    }
    assert_eq!(world.core.status(&key(0), world.now.wall).unwrap().restarts, 0, "it did not end by itself");
}

#[test]
fn a_container_that_was_stopped_is_not_taken_for_one_that_failed() {
    let container = crate::host::engine::model::ContainerId("c".into());
    let stopped = Presence::Created { container: container.clone(), digest: "d".into() };
    let found = |id| Presence::Ended { container: Some(id), digest: "d".into(), failed: true };
    assert!(stopped.agrees_with(&found(container)));
    assert!(!stopped.agrees_with(&found(crate::host::engine::model::ContainerId("another".into()))));
}

#[test]
fn a_node_of_another_spec_is_stopped_as_its_own_said() {
    let mut world = World::default();
    world.apply(&host_spec(1, running_nodes(1)));
    world.settle();
    let newer = vec![NodeSpec { stop: by(2, 60), ..node(0, DesiredState::Running, 1) }];
    let otherwise = world.core.set_spec(&host_spec(2, newer), |_, _| "another digest".to_owned());
    assert_eq!(otherwise, []);
    let commands = world.core.handle(Event::Tick, world.now);
    let stopped = commands.iter().find_map(|command| match command {
        Command::Act(job) if job.action == Action::Stop => Some(&job.state.presence),
        _ => None,
    });
    assert!(matches!(stopped, Some(Presence::Running(running)) if running.stop == by(15, 5)), "{commands:?}");
}

#[test]
fn nodes_that_take_their_time_to_end_hold_nobody_up() {
    let mut world = World::default();
    world.apply(&host_spec(1, running_nodes(100)));
    world.settle();
    world.apply(&host_spec(2, vec![]));
    let acts = |queue: &[Command], wanted| {
        let jobs = queue.iter().filter_map(|command| match command {
            Command::Act(job) if job.action == wanted => Some(job.key.clone()),
            _ => None,
        });
        jobs.collect::<Vec<_>>()
    };
    assert_eq!(acts(&world.queue, Action::Stop).len(), 100, "all are asked to end at once");
    world.queue.retain(|command| !matches!(command, Command::Act(job) if job.key == key(0)));
    world.settle();
    assert_eq!(world.running.keys().collect::<Vec<_>>(), [&key(0)], "only the slow one is left");
    assert!(!world.core.progress().settled);
}

#[test]
fn a_stop_that_fails_is_tried_again_and_never_without_a_pause() {
    let mut world = World::default();
    world.apply(&host_spec(1, running_nodes(1)));
    world.settle();
    world.core.set_spec(&host_spec(2, vec![]), |_, _| "digest".to_owned());
    let mut tried = 0;
    for _ in 0..3 {
        let commands = world.core.handle(Event::Tick, world.now);
        tried += commands.iter().filter(|command| matches!(command, Command::Act(_))).count();
        let outcome =
            ActOutcome::Failed { reason: reason(ReasonKind::EngineUnreachable), presence: None, strays: None };
        let acted = Acted { key: key(0), action: Action::Stop, incarnation: None, outcome };
        let after = world.core.handle(Event::Acted(acted), world.now);
        assert!(!after.iter().any(|command| matches!(command, Command::Act(_))), "{after:?}");
        world.now = at_last(world.core.wake_at().expect("it is tried again"));
    }
    assert_eq!(tried, 3);
    world.settle();
    assert_eq!(world.core.nodes().count(), 0);
}

fn by(signal: i32, seconds: u64) -> StopSpec {
    StopSpec { signal, grace: Duration::from_secs(seconds) }
}
