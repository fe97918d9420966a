use std::time::Duration;

use proptest::prelude::*;
use throng_common::host_spec::{
    Limits, NodeSpec, Probe, ProbeCheck, ProcessSpec, RestartSpec, StartPace, StopSpec, Workload,
};
use throng_common::ids::{Epoch, Incarnation, NodeName};
use throng_common::scenario::model::RestartWhen;
use throng_common::status::ReasonKind;

use super::super::node_state::Running;
use super::*;

fn node(index: u32, desired: DesiredState, incarnation: u64) -> NodeSpec {
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
        limits: Limits::default(),
        prepare: None,
        ready: Some(Probe {
            check: ProbeCheck::Exec { command: vec![] },
            timeout: Duration::from_secs(1),
            interval: Duration::from_secs(1),
        }),
        stop: StopSpec { signal: 15, grace: Duration::from_secs(5) },
        restart: RestartSpec { when: RestartWhen::Failure, max: 3, backoff: Duration::from_millis(100) },
    }
}

fn host_spec(generation: u64, nodes: Vec<NodeSpec>) -> HostSpec {
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
    HostSpec {
        fleet: "f".parse().unwrap(),
        host: "local".parse().unwrap(),
        epoch: Epoch(1),
        generation: Generation(generation),
        lease: None,
        clusters: if cluster.nodes.is_empty() { vec![] } else { vec![cluster] },
    }
}

/// A host on which everything works, but for the nodes that it is told to spoil.
#[derive(Default)]
struct World {
    core: Core,
    queue: Vec<Command>,
    running: BTreeMap<Key, u32>,
    resources: BTreeSet<Key>,
    next_pid: u32,
    /// Failures that starts of this node still have before them.
    spoiled: BTreeMap<Key, u32>,
    settles: u32,
    starts: u32,
    most_at_once: usize,
    now: UnixMillis,
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
    }

    /// Does what it is told until nothing is left, time passing where it must.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            if self.queue.is_empty() {
                let Some(at) = self.core.wake_at() else { return };
                self.now = at;
                self.tell(Event::Tick);
                continue;
            }
            match self.queue.remove(0) {
                Command::Act(job) => self.act(job),
                Command::Settle(settings) => {
                    self.settles += 1;
                    self.tell(Event::Settled(Settled { settings, ..Settled::default() }));
                }
                Command::Probe { key, pid, .. } => self.tell(Event::Probed { key, pid, news: ProbeNews::Ready }),
                Command::EndProbe(_) | Command::Publish(_) | Command::Gone(_) => {}
            }
        }
        panic!("the host never comes to rest");
    }

    fn act(&mut self, job: Job) {
        let (key, action) = (job.key, job.action);
        let outcome = match action {
            Action::Start | Action::Restart | Action::Replace => {
                self.starts += 1;
                self.resources.insert(key.clone());
                self.running.remove(&key);
                let left = self.spoiled.entry(key.clone()).or_default();
                if *left > 0 {
                    *left -= 1;
                    ActOutcome::Failed { reason: reason(ReasonKind::PortTaken), presence: Some(Presence::Absent) }
                } else {
                    self.next_pid += 1;
                    self.running.insert(key.clone(), self.next_pid);
                    ActOutcome::Started(Running { container: None, pid: self.next_pid, digest: "digest".into() })
                }
            }
            Action::Stop => {
                self.running.remove(&key);
                ActOutcome::Stopped(Presence::Absent)
            }
            Action::Remove => {
                self.running.remove(&key);
                self.resources.remove(&key);
                ActOutcome::Removed
            }
        };
        self.tell(Event::Acted { key, action, outcome });
    }

    fn kill(&mut self, key: &Key) {
        if self.running.remove(key).is_some() {
            let event =
                Event::Ended { key: key.clone(), container: None, reason: reason(ReasonKind::Signalled), failed: true };
            self.tell(event);
        }
    }

    fn phase(&self, index: u32) -> NodePhase {
        self.core.status(&key(index), self.now).unwrap().phase
    }
}

fn reason(kind: ReasonKind) -> Reason {
    Reason { kind, message: "why".into() }
}

fn key(index: u32) -> Key {
    Key { cluster: "c-x7k2".parse().unwrap(), node: NodeName::new("worker".parse().unwrap(), index) }
}

fn running_nodes(count: u32) -> Vec<NodeSpec> {
    (0..count).map(|index| node(index, DesiredState::Running, 1)).collect()
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
    assert_eq!(world.core.progress(), HostProgress { generation: Generation(2), settled: true, problems: vec![] });
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
    assert_eq!(world.core.status(&key(1), world.now).unwrap().restarts, 1);
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
    let settings = world.core.wanted_settings();
    world.queue.clear();
    let obstacles = vec![reason(ReasonKind::Sysctl)];
    world.tell(Event::Settled(Settled { settings, obstacles: obstacles.clone(), ..Settled::default() }));
    assert!(!world.queue.iter().any(|command| matches!(command, Command::Act(_))));
    assert_eq!(world.core.progress().problems, obstacles);
    world.settle();
    assert_eq!(world.running.len(), 2, "it is tried again after a while");
}

#[test]
fn an_adopted_node_keeps_running_and_a_lost_one_is_started() {
    let mut world = World::default();
    world.core.set_spec(&host_spec(1, running_nodes(2)), |_, _| "digest".to_owned());
    world.running.insert(key(0), 77);
    let running = Running { container: None, pid: 77, digest: "digest".into() };
    let remembered =
        super::super::command::Remembered { incarnation: Incarnation(1), restarts: 2, started_at: UnixMillis(5) };
    let stranger = Found {
        key: key(9),
        presence: Presence::Running(Running { container: None, pid: 78, digest: "old".into() }),
        remembered: None,
        reason: None,
    };
    world.running.insert(key(9), 78);
    let adopted =
        Found { key: key(0), presence: Presence::Running(running), remembered: Some(remembered), reason: None };
    world.tell(Event::Found(vec![adopted, stranger]));
    world.settle();
    assert_eq!(world.running.get(&key(0)), Some(&77), "it was not restarted");
    assert_eq!(world.core.status(&key(0), world.now).unwrap().restarts, 2);
    assert_eq!(world.starts, 1, "only the missing one was started");
    assert!(!world.running.contains_key(&key(9)), "what nobody wants was removed");
}

#[derive(Debug, Clone)]
enum Step {
    Want(Vec<(u32, bool, u64)>),
    Kill(u32),
    Spoil(u32),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        proptest::collection::btree_map(0u32..8, (any::<bool>(), 1u64..4), 0..8)
            .prop_map(|nodes| Step::Want(nodes.into_iter().map(|(index, (run, inc))| (index, run, inc)).collect())),
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
                Step::Want(nodes) => {
                    let desired = |run| if run { DesiredState::Running } else { DesiredState::Stopped };
                    let specs = nodes.iter().map(|(index, run, inc)| node(*index, desired(*run), *inc)).collect();
                    world.apply(&host_spec(generation as u64, specs));
                    wanted = nodes;
                }
                Step::Kill(index) => world.kill(&key(index)),
                Step::Spoil(index) => { world.spoiled.insert(key(index), 1); }
            }
            world.settle();
        }
        let expected: BTreeSet<Key> = wanted.iter().filter(|(_, run, _)| *run).map(|(index, ..)| key(*index)).collect();
        let running: BTreeSet<Key> = world.running.keys().cloned().collect();
        prop_assert_eq!(running, expected);
        let known: BTreeSet<Key> = wanted.iter().map(|(index, ..)| key(*index)).collect();
        prop_assert!(world.resources.is_subset(&known), "resources of nodes that nobody wants are left");
        let starts = world.starts;
        world.tell(Event::Tick);
        world.settle();
        prop_assert_eq!(world.starts, starts, "the second plan is empty");
    }
}
