//! Starts of container nodes: what is told of one that ends at once, and what the engine is asked for.

use std::fs;
use std::sync::Arc;

use throng_agent::host::engine::fake::state::{FIRST_PID, Failure, FakeEngine};
use throng_agent::host::engine::labels;
use throng_agent::host::engine::model::{ContainerId, ContainerPhase, OutputStream, RawLogLine};
use throng_agent::host::procs::table::Procs;
use throng_agent::reconcile::command::{ActOutcome, Job, Key, WantedNode};
use throng_agent::reconcile::effects::{ContainerEnd, Host};
use throng_agent::reconcile::engine_state::EngineState;
use throng_agent::reconcile::node_state::{Action, NodeState, Presence, Strays};
use throng_common::host_spec::{NamedPorts, NodeSpec};
use throng_common::ids::ClusterId;
use throng_common::ports::PortRange;
use throng_common::status::{Reason, ReasonKind, UnixMillis};

use crate::machine::{IMAGE, container_node, host};
use crate::names::cluster;
use crate::root::demand_root;

/// More calls than a start takes: an engine in memory numbers processes by its calls.
const CALLS_A_START: u32 = 20;

/// A host with an engine in memory, and one cluster.
struct Bench {
    folder: tempfile::TempDir,
    engine: FakeEngine,
    host: Arc<Host>,
    cluster: ClusterId,
}

impl Bench {
    /// One whose kernel shows no process of a container: they have all ended, by its word.
    fn new() -> Self {
        Self::with_processes(0)
    }

    /// One whose kernel shows the first processes of so many containers, started one after the other.
    fn with_processes(count: u32) -> Self {
        demand_root();
        let folder = tempfile::Builder::new().prefix("throng-").tempdir().unwrap();
        for pid in FIRST_PID..FIRST_PID + count * CALLS_A_START {
            let process = folder.path().join("proc").join(pid.to_string());
            fs::create_dir_all(&process).unwrap();
            let stat = format!("{pid} (x) S 1 {pid} {pid} 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 2 3");
            fs::write(process.join("stat"), stat).unwrap();
        }
        let engine = FakeEngine::default();
        engine.state().images.insert(IMAGE.to_owned());
        let procs = Procs::at(folder.path().join("proc"));
        let host = Arc::new(host(folder.path(), folder.path(), engine.clone(), procs));
        Self { folder, engine, host, cluster: cluster() }
    }

    fn wanted(&self, spec: NodeSpec) -> (Key, Arc<WantedNode>) {
        let key = Key { cluster: self.cluster.clone(), node: spec.name.clone() };
        let wanted = WantedNode { spec, digest: String::new(), address: "127.84.0.1".parse().unwrap() };
        let digest = self.host.digest(&key, &wanted);
        (key, Arc::new(WantedNode { digest, ..wanted }))
    }

    async fn start(&self, spec: NodeSpec) -> ActOutcome {
        let (key, wanted) = self.wanted(spec);
        self.host.act(Job { key, action: Action::Start, wanted: Some(wanted), state: NodeState::default() }).await
    }

    /// Whether the newest container was made with the engine's init, and the digest that it carries.
    fn made(&self) -> (bool, String) {
        let state = self.engine.state();
        let (_, newest) = state.containers.last_key_value().expect("a container was made");
        (newest.plan.init, newest.plan.labels[labels::SPEC].clone())
    }
}

fn failed(outcome: ActOutcome) -> (Reason, Option<Presence>) {
    match outcome {
        ActOutcome::Failed { reason, presence, .. } => (reason, presence),
        other => panic!("it does not run: {other:?}"),
    }
}

#[tokio::test]
async fn a_container_that_ends_before_it_is_confirmed_says_its_code_and_its_last_words() {
    let bench = Bench::new();
    let line = |at_millis: u64, text: &str| RawLogLine {
        at_unix_nanos: at_millis * 1_000_000,
        stream: OutputStream::Stderr,
        text: text.to_owned(),
    };
    {
        let mut state = bench.engine.state();
        state.ends_when_seen = Some(7);
        state.log = vec![line(1_000, "of an earlier run"), line(9_999, "no licence"), line(10_041, "cannot go on")];
    }
    let (reason, presence) = failed(bench.start(container_node(1)).await);
    let expected = Reason::new(ReasonKind::Exited, "exit code 7")
        .with_detail("after 42ms; last output: no licence | cannot go on");
    assert_eq!(reason, expected);
    assert!(matches!(presence, Some(Presence::Ended { container: Some(_), failed: true, .. })), "{presence:?}");
}

#[tokio::test]
async fn a_container_that_runs_and_cannot_be_confirmed_is_ended() {
    let bench = Bench::with_processes(2);
    let outcome = bench.start(container_node(1)).await;
    assert!(matches!(outcome, ActOutcome::Started(_)), "{outcome:?}");
    // A ledger that takes nothing any more.
    let ledger = rusqlite::Connection::open(bench.folder.path().join("state/ledger.db")).unwrap();
    ledger.execute("DROP TABLE node", []).unwrap();
    let (reason, presence) = failed(bench.start(container_node(2)).await);
    assert!(reason.to_string().contains("ledger"), "{reason}");
    assert!(matches!(presence, Some(Presence::Created { .. })), "{presence:?}");
    assert!(bench.engine.state().calls.iter().any(|call| call.starts_with("end ")));
}

#[tokio::test]
async fn a_start_that_a_slow_engine_makes_after_all_is_taken_for_what_it_is() {
    let bench = Bench::with_processes(1);
    let held = std::net::TcpListener::bind(("127.84.0.1", 0)).unwrap();
    let port = held.local_addr().unwrap().port();
    drop(held);
    let mut spec = container_node(1);
    spec.ports = vec![NamedPorts { name: "http".to_owned(), range: PortRange::new(port, port).unwrap() }];
    let state = in_vain(&bench, spec.clone()).await;

    // It runs when it is asked for again, and listens.
    let _listens = std::net::TcpListener::bind(("127.84.0.1", port)).unwrap();
    {
        let mut state = bench.engine.state();
        let container = state.containers.values_mut().next().unwrap();
        (container.phase, container.pid) = (ContainerPhase::Running, Some(FIRST_PID));
    }
    let starts = |bench: &Bench| bench.engine.state().calls.iter().filter(|call| call.starts_with("start")).count();
    let before = starts(&bench);
    let (key, wanted) = bench.wanted(spec);
    let outcome = bench.host.act(Job { key, action: Action::Start, wanted: Some(wanted), state }).await;
    assert!(matches!(&outcome, ActOutcome::Started(running) if running.pid == FIRST_PID), "{outcome:?}");
    assert_eq!(starts(&bench), before, "it is not started twice");
}

/// A node whose start its engine did not answer, as the core then believes of it.
async fn in_vain(bench: &Bench, spec: NodeSpec) -> NodeState {
    bench.engine.fail("start", Failure::Unreachable);
    let outcome = bench.start(spec).await;
    bench.engine.mend();
    let ActOutcome::Failed { reason, presence: Some(presence), strays: Some(strays) } = outcome else {
        panic!("what it left is told: {outcome:?}")
    };
    assert_eq!(strays, Strays::Possible);
    NodeState { presence, reason: Some(reason), strays, ..NodeState::default() }
}

fn only_container(bench: &Bench) -> String {
    let state = bench.engine.state();
    let ids: Vec<&String> = state.containers.keys().collect();
    let [id] = ids[..] else { panic!("one container: {ids:?}") };
    id.clone()
}

#[tokio::test]
async fn a_container_is_made_anew_where_what_its_engine_lost_sight_of_is_in_the_engines_way() {
    use Failure::{InItsOwnWay, Refused};
    for (failure, strays, has_run, is_made_anew) in [
        (InItsOwnWay, Strays::Possible, false, true),
        (InItsOwnWay, Strays::Possible, true, true),
        (InItsOwnWay, Strays::None, false, false),
        (Refused, Strays::Possible, true, false),
    ] {
        let bench = Bench::with_processes(4);
        let state = in_vain(&bench, container_node(1)).await;
        let before = only_container(&bench);
        if has_run {
            bench.engine.state().containers.get_mut(&before).unwrap().phase = ContainerPhase::Exited;
        }
        bench.engine.fail(format!("start {before}").leak(), failure);
        let (key, wanted) = bench.wanted(container_node(1));
        let job = Job { key, action: Action::Start, wanted: Some(wanted), state: NodeState { strays, ..state } };
        let outcome = bench.host.act(job).await;
        let case = format!("{failure:?}, {strays:?}, {has_run}: {outcome:?}");
        assert_eq!(matches!(outcome, ActOutcome::Started(_)), is_made_anew, "{case}");
        assert_eq!(only_container(&bench) != before, is_made_anew, "{case}");
    }
}

/// A process that the kernel shows as one of a container, of which its engine knows nothing.
fn stray(bench: &Bench, container: &str) -> tokio::process::Child {
    let process = tokio::process::Command::new("sleep").arg("600").kill_on_drop(true).spawn().unwrap();
    let pid = process.id().unwrap();
    let folder = bench.folder.path().join("proc").join(pid.to_string());
    fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(format!("/proc/{pid}/stat"), folder.join("stat")).unwrap();
    fs::write(folder.join("cgroup"), format!("0::/docker/{container}\n")).unwrap();
    process
}

#[tokio::test]
async fn what_an_engine_has_lost_sight_of_is_found_and_killed_before_its_node_is_started_again_or_removed() {
    for action in [Action::Start, Action::Remove] {
        let bench = Bench::with_processes(2);
        let state = in_vain(&bench, container_node(1)).await;
        let (mut lost, mut other) = (stray(&bench, &only_container(&bench)), stray(&bench, "another"));
        let (key, wanted) = bench.wanted(container_node(1));
        let looked = bench.host.look().await;
        assert_eq!(looked.unseen.strays, [key.clone()].into());
        let wanted = (action == Action::Start).then_some(wanted);
        let outcome = bench.host.act(Job { key, action, wanted, state }).await;
        assert!(matches!(&outcome, ActOutcome::Started(_) | ActOutcome::Removed), "{action:?}: {outcome:?}");
        assert!(lost.try_wait().unwrap().is_some_and(|status| !status.success()), "{action:?}: it was killed");
        assert!(other.try_wait().unwrap().is_none(), "{action:?}: that is none of it");
    }
}

#[tokio::test]
async fn an_engine_that_was_away_is_asked_for_its_init_when_it_is_there_and_makes_the_same_containers() {
    let bench = Bench::new();
    bench.engine.fail("info", Failure::Unreachable);
    let (_, before) = bench.wanted(container_node(1));
    let (reason, _) = failed(bench.start(container_node(1)).await);
    assert_eq!(reason.kind, ReasonKind::EngineUnreachable);
    assert!(bench.engine.state().containers.is_empty(), "nothing is made of what is not known");

    bench.engine.mend();
    bench.engine.state().has_no_init = true;
    let _ = bench.start(container_node(1)).await;
    assert_eq!(bench.made(), (false, before.digest.clone()));
    let (_, after) = bench.wanted(container_node(1));
    assert_eq!(after.digest, before.digest, "what runs stays what is wanted");

    // It comes back as another.
    bench.engine.state().has_no_init = false;
    bench.host.forget_engine(UnixMillis(1));
    let _ = bench.start(container_node(2)).await;
    assert!(bench.made().0);
    let asked = bench.engine.state().calls.iter().filter(|call| call.starts_with("info")).count();
    assert_eq!(asked, 3, "once for each of its lives, and once in vain");
}

#[tokio::test]
async fn an_engine_that_is_of_no_use_makes_no_container_and_the_reason_says_why() {
    let bench = Bench::new();
    bench.engine.state().unusable = Some("it is version 19.03.15: upgrade it".to_owned());
    let (reason, _) = failed(bench.start(container_node(1)).await);
    assert_eq!(reason.kind, ReasonKind::Engine);
    assert!(reason.message.contains("upgrade it"), "{reason}");
    assert!(bench.engine.state().containers.is_empty());
}

#[tokio::test]
async fn a_container_that_ended_with_an_engine_without_live_restore_is_said_to() {
    for (has_no_live_restore, words) in [(true, "has no live-restore"), (false, "exit code 7")] {
        let bench = Bench::new();
        {
            let mut state = bench.engine.state();
            state.ends_when_seen = Some(7);
            state.has_no_live_restore = has_no_live_restore;
        }
        // The engine in memory has its containers end at this time.
        bench.host.forget_engine(UnixMillis(10_000));
        let (reason, _) = failed(bench.start(container_node(1)).await);
        assert!(reason.message.contains(words), "{reason}");
        assert!(reason.to_string().contains("exit code 7"), "how it was killed is said too: {reason}");
    }
}

#[tokio::test]
async fn a_container_that_ended_well_with_its_engine_is_found_as_one_that_failed_and_comes_again() {
    for (has_no_live_restore, is_failure) in [(true, true), (false, false)] {
        let bench = Bench::new();
        {
            let mut state = bench.engine.state();
            state.ends_when_seen = Some(0);
            state.has_no_live_restore = has_no_live_restore;
        }
        bench.host.forget_engine(UnixMillis(10_000));
        let _ = failed(bench.start(container_node(1)).await);
        let looked = bench.host.look().await;
        let ended = looked.found.iter().find_map(|found| {
            let Presence::Ended { failed, .. } = &found.presence else { return None };
            Some(*failed)
        });
        assert_eq!(ended, Some(is_failure), "no live-restore: {has_no_live_restore}, {:?}", looked.found);
    }
}

#[tokio::test]
async fn what_an_engine_that_hangs_keeps_from_being_seen_is_unknown_and_not_gone() {
    let bench = Bench::with_processes(1);
    let outcome = bench.start(container_node(1)).await;
    assert!(matches!(outcome, ActOutcome::Started(_)), "{outcome:?}");
    let id = ContainerId(bench.engine.state().containers.keys().next().unwrap().clone());
    // An event of an earlier run that comes late.
    assert_eq!(bench.host.container_ended(&id, Some(137)).await, ContainerEnd::Runs);
    fs::remove_dir_all(bench.folder.path().join("proc")).unwrap();
    for (failure, code, expected) in [
        (Failure::Hung, None, None),
        (Failure::Refused, None, None),
        (Failure::Unreachable, Some(3), Some("exit code 3")),
    ] {
        bench.engine.fail("inspect", failure);
        match (bench.host.container_ended(&id, code).await, expected) {
            (ContainerEnd::Unknown(_), None) => {}
            (ContainerEnd::Ended { reason, failed: true }, Some(words)) => assert_eq!(reason.message, words),
            (end, _) => panic!("{failure:?}, {code:?}: {end:?}"),
        }
    }
    bench.engine.mend();
    // The kernel does not have its process, whatever the engine says.
    let end = bench.host.container_ended(&id, None).await;
    assert!(matches!(&end, ContainerEnd::Unknown(reason) if reason.detail.contains("as running")), "{end:?}");
    bench.engine.state().containers.clear();
    let end = bench.host.container_ended(&id, None).await;
    assert!(matches!(&end, ContainerEnd::Ended { reason, .. } if reason.kind == ReasonKind::Lost), "{end:?}");
}

#[tokio::test]
async fn the_engines_state_is_told_from_what_it_answers() {
    let bench = Bench::with_processes(1);
    let outcome = bench.start(container_node(1)).await;
    assert!(matches!(outcome, ActOutcome::Started(_)), "{outcome:?}");
    let (key, _) = bench.wanted(container_node(1));
    let check = async || bench.host.check_engine(std::slice::from_ref(&key)).await;
    assert_eq!(check().await, (EngineState::Answers, vec![]));
    bench.engine.fail("inspect", Failure::Hung);
    let (state, unanswered) = check().await;
    assert!(matches!(&state, EngineState::Wedged(reason) if reason.message.contains("restart it")), "{state:?}");
    assert_eq!(unanswered, std::slice::from_ref(&key));
    bench.engine.fail("ping", Failure::Hung);
    let (state, _) = check().await;
    assert!(matches!(&state, EngineState::Silent(reason) if reason.kind == ReasonKind::EngineHung), "{state:?}");
    bench.engine.mend();
    assert_eq!(check().await.0, EngineState::Answers);
}

#[tokio::test]
async fn a_silent_engines_containers_are_as_the_kernel_shows_them() {
    let bench = Bench::with_processes(2);
    for index in [1, 2] {
        let outcome = bench.start(container_node(index)).await;
        assert!(matches!(outcome, ActOutcome::Started(_)), "{outcome:?}");
    }
    let dead = bench.engine.state().containers.values().nth(1).and_then(|container| container.pid).unwrap();
    fs::remove_dir_all(bench.folder.path().join("proc").join(dead.to_string())).unwrap();
    bench.engine.fail("list", Failure::Refused);
    let looked = bench.host.look().await;
    assert!(looked.unseen.containers.is_some());
    let presences: Vec<_> = looked.found.iter().map(|found| &found.presence).collect();
    assert!(matches!(presences[..], [Presence::Running(_), Presence::Unknown]), "{presences:?}");
}

#[tokio::test]
async fn an_image_that_was_removed_meanwhile_is_looked_for_again() {
    let bench = Bench::with_processes(2);
    let _ = bench.start(container_node(1)).await;
    bench.engine.fail("create", Failure::NotFound);
    let (reason, _) = failed(bench.start(container_node(2)).await);
    assert_eq!(reason.kind, ReasonKind::Image);
    bench.engine.mend();
    bench.engine.state().images.clear();
    let (reason, _) = failed(bench.start(container_node(2)).await);
    assert!(reason.message.contains("was not sent to this host"), "the engine was asked again: {reason}");
}

#[tokio::test]
async fn what_a_dead_agent_left_of_a_prepare_command_goes_with_its_node() {
    let bench = Bench::with_processes(1);
    let outcome = bench.start(container_node(1)).await;
    assert!(matches!(outcome, ActOutcome::Started(_)), "{outcome:?}");
    let foreign = {
        let mut state = bench.engine.state();
        let node = state.containers.values().next().unwrap().clone();
        let mut left = node.clone();
        left.plan.name = format!("{}-prepare", node.plan.name);
        let mut foreign = left.clone();
        foreign.plan.name = "throng-another-prepare".to_owned();
        let name = foreign.plan.name.clone();
        state.containers.extend([("left".to_owned(), left), ("foreign".to_owned(), foreign)]);
        name
    };
    let (key, _) = bench.wanted(container_node(1));
    let outcome = bench.host.act(Job { key, action: Action::Remove, wanted: None, state: NodeState::default() }).await;
    assert!(matches!(outcome, ActOutcome::Removed), "{outcome:?}");
    let names: Vec<String> = bench.engine.state().containers.values().map(|left| left.plan.name.clone()).collect();
    assert_eq!(names, [foreign]);
}
