//! The service over a connection in memory, with the engine in memory.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use throng_common::ids::HostId;
use throng_common::status::{AgentEvent, HostProgress, NodePhase, NodeStatus, UnixMillis};
use throng_proto::agent as wire;
use throng_proto::agent::agent_client::AgentClient;
use throng_proto::version;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use super::{AgentService, ServiceParts, make_exec};
use crate::board::Board;
use crate::host::engine::fake::state::FakeEngine;
use crate::host::procs::table::Procs;
use crate::ledger::Ledger;
use crate::link;
use crate::paths::Paths;
use crate::reconcile::effects::{Host, HostParts};
use crate::reconcile::task;

const DEADLINE: Duration = Duration::from_secs(10);

/// A service that is served, and a client of it.
struct Served {
    client: AgentClient<Channel>,
    board: Arc<Board>,
    shutdown: CancellationToken,
    _folder: tempfile::TempDir,
}

async fn served() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let etc_hosts = folder.path().join("hosts");
    std::fs::write(&etc_hosts, "127.0.0.1 localhost\n").unwrap();
    let paths = Paths::new(&folder.path().join("state"), &folder.path().join("throng")).unwrap();
    std::fs::create_dir_all(paths.state_dir()).unwrap();
    let (ledger, _) = Ledger::open(&paths.ledger()).unwrap();
    let host = Arc::new(Host::new(HostParts {
        fleet: "f".parse().unwrap(),
        engine: Arc::new(FakeEngine::default()),
        paths: paths.with_etc_hosts(etc_hosts).with_machine_lock(folder.path().join("lock")),
        procs: Procs::default(),
        cgroups: None,
        ledger: Arc::new(ledger),
        boot_id: "boot".to_owned(),
        machine: "machine".to_owned(),
        program: "/bin/false".into(),
        entrance: None,
    }));
    let board = Arc::new(Board::default());
    let exec = make_exec(Arc::clone(&host), Arc::clone(&board));
    let shutdown = CancellationToken::new();
    let tasks = TaskTracker::new();
    let reconcile = task::spawn(Arc::clone(&host), Arc::clone(&board), exec, &tasks, shutdown.clone()).unwrap();
    let parts = ServiceParts {
        host_id: HostId::new("local").unwrap(),
        host,
        board: Arc::clone(&board),
        reconcile,
        greeted: watch::Sender::new(false),
        shutdown: shutdown.clone(),
    };
    let service = AgentService::new(parts);
    let (near, far) = tokio::io::duplex(64 * 1024);
    let until = shutdown.clone();
    tokio::spawn(async move { link::serve(near, service.routes(), &until).await });
    let mut far = Some(TokioIo::new(far));
    let once = tower::service_fn(move |_| std::future::ready(far.take().ok_or_else(|| std::io::Error::other("once"))));
    let channel = Endpoint::from_static("http://agent").connect_with_connector(once).await.unwrap();
    Served { client: AgentClient::new(channel), board, shutdown, _folder: folder }
}

fn hello(major: u32, epoch: u64) -> wire::HelloRequest {
    let version = wire::Version { major, ..version::this() };
    wire::HelloRequest { version: Some(version), fleet: "f".into(), epoch, host: "local".into() }
}

fn apply(epoch: u64, generation: u64) -> wire::ApplyRequest {
    let spec = wire::HostSpec {
        fleet: "f".into(),
        host: "local".into(),
        epoch,
        generation,
        lease_millis: None,
        clusters: Vec::new(),
        leaving: Vec::new(),
    };
    wire::ApplyRequest { spec: Some(spec), remembered: Vec::new() }
}

fn status(phase: NodePhase) -> NodeStatus {
    NodeStatus {
        cluster: "c-x7k2".parse().unwrap(),
        node: "worker-0003".parse().unwrap(),
        phase,
        reason: None,
        incarnation: throng_common::ids::Incarnation(1),
        restarts: 0,
        container_id: None,
        image_id: None,
        pid: None,
        started_at: None,
        ready_at: None,
        observed_at: UnixMillis(9),
    }
}

#[tokio::test]
async fn a_coordinator_of_another_major_version_or_of_an_older_life_is_refused() {
    let mut served = served().await;
    let other = served.client.hello(hello(version::MAJOR + 1, 5)).await.unwrap_err();
    assert_eq!(other.code(), Code::FailedPrecondition, "{other}");
    let reply = served.client.hello(hello(version::MAJOR, 5)).await.unwrap().into_inner();
    assert_eq!((reply.generation, reply.boot_id.as_str()), (0, "boot"));
    assert!(reply.facts.unwrap().engine.is_some());
    let older = served.client.hello(hello(version::MAJOR, 4)).await.unwrap_err();
    assert_eq!(older.code(), Code::FailedPrecondition, "{older}");
}

#[tokio::test]
async fn an_older_generation_is_refused_and_the_newest_is_what_a_hello_tells() {
    let mut served = served().await;
    assert_eq!(served.client.apply(apply(2, 7)).await.unwrap().into_inner().generation, 7);
    for older in [apply(2, 6), apply(1, 8)] {
        let error = served.client.apply(older).await.unwrap_err();
        assert_eq!(error.code(), Code::FailedPrecondition, "{error}");
    }
    assert_eq!(served.client.hello(hello(version::MAJOR, 2)).await.unwrap().into_inner().generation, 7);
    let malformed = served.client.apply(wire::ApplyRequest::default()).await.unwrap_err();
    assert_eq!((malformed.code(), malformed.message()), (Code::InvalidArgument, "field `spec`: is missing"));
}

#[tokio::test]
async fn a_watch_tells_what_stands_then_what_changes_then_samples() {
    let mut served = served().await;
    served.board.publish(AgentEvent::Node(status(NodePhase::Starting)));
    let request = wire::WatchRequest { sample_interval_millis: 200, tick_interval_millis: 0 };
    let mut batches = served.client.watch(request).await.unwrap().into_inner();
    let mut seen = Vec::new();
    let wanted = |seen: &[AgentEvent]| {
        let phases: Vec<_> = seen.iter().filter_map(node_phase).collect();
        let sampled = seen.iter().any(|event| matches!(event, AgentEvent::Host(_)));
        phases == [NodePhase::Starting, NodePhase::Ready] && sampled
    };
    let mut changed = false;
    while !wanted(&seen) {
        let batch = timeout(DEADLINE, batches.message()).await.unwrap_or_else(|_| panic!("only saw {seen:?}"));
        let batch = batch.unwrap().unwrap();
        seen.extend(batch.events.into_iter().map(|event| AgentEvent::try_from(event).unwrap()));
        if !changed {
            changed = true;
            assert_eq!(node_phase(&seen[0]), Some(NodePhase::Starting), "the first message has the snapshot");
            served.board.publish(AgentEvent::Node(status(NodePhase::Ready)));
        }
    }
    served.shutdown.cancel();
}

#[tokio::test]
async fn a_ticker_runs_only_where_it_is_asked_for_and_its_lateness_is_in_the_samples() {
    let mut served = served().await;
    for (tick_interval_millis, ticks) in [(0, false), (20, true)] {
        let request = wire::WatchRequest { sample_interval_millis: 200, tick_interval_millis };
        let mut batches = served.client.watch(request).await.unwrap().into_inner();
        let mut samples = Vec::new();
        while samples.len() < 2 {
            let batch = timeout(DEADLINE, batches.message()).await.unwrap_or_else(|_| panic!("only saw {samples:?}"));
            let events = batch.unwrap().unwrap().events.into_iter().map(|event| AgentEvent::try_from(event).unwrap());
            samples.extend(events.filter_map(|event| match event {
                AgentEvent::Host(sample) => Some(sample),
                _ => None,
            }));
        }
        assert!(samples.iter().all(|sample| sample.late_max.is_some() == ticks), "{samples:?}");
        assert!(!ticks || samples.iter().any(|sample| sample.late_max > Some(Duration::ZERO)), "{samples:?}");
    }
    served.shutdown.cancel();
}

fn node_phase(event: &AgentEvent) -> Option<NodePhase> {
    match event {
        AgentEvent::Node(status) => Some(status.phase),
        AgentEvent::Gone { .. }
        | AgentEvent::Progress(HostProgress { .. })
        | AgentEvent::Sysctl(_)
        | AgentEvent::Host(_)
        | AgentEvent::Nodes(_) => None,
    }
}

#[tokio::test]
async fn a_command_for_a_node_that_does_not_run_has_an_outcome_that_says_so() {
    let mut served = served().await;
    let command = wire::NodeCommand { node: "worker-0001".into(), command: vec!["true".into()] };
    let request =
        wire::ExecRequest { cluster: "c-x7k2".into(), commands: vec![command], ..wire::ExecRequest::default() };
    let mut outcomes = served.client.exec(request).await.unwrap().into_inner();
    let outcome = outcomes.message().await.unwrap().unwrap();
    assert_eq!(outcome.error.as_deref(), Some("the node does not run"));
    let bad = wire::SignalRequest { cluster: "c-x7k2".into(), nodes: vec!["worker".into()], signal: 9 };
    let error = served.client.signal(bad).await.unwrap_err();
    assert!(error.code() == Code::InvalidArgument && error.message().contains("nodes[0]"), "{error}");
}

#[tokio::test]
async fn a_shutdown_is_answered_before_the_agent_ends() {
    let mut served = served().await;
    served.client.shutdown(wire::ShutdownRequest {}).await.unwrap();
    assert!(served.shutdown.is_cancelled());
}

#[tokio::test]
async fn an_image_is_fetched_as_the_policy_says_and_it_is_told_how_far_it_is() {
    let mut served = served().await;
    let request = |pull: wire::PullPolicy| wire::EnsureImageRequest {
        image: "redis:7".into(),
        pull: pull.into(),
        login: Some(wire::RegistryLogin { server: "s".into(), ..wire::RegistryLogin::default() }),
    };
    let mut refused = served.client.ensure_image(request(wire::PullPolicy::Never)).await.unwrap().into_inner();
    let status = refused.message().await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("pull = \"missing\""), "{status}");
    let mut told = Vec::new();
    let mut news = served.client.ensure_image(request(wire::PullPolicy::Missing)).await.unwrap().into_inner();
    while let Some(message) = timeout(DEADLINE, news.message()).await.unwrap().unwrap() {
        told.push(message);
    }
    assert!(told.iter().any(|message| (message.done_bytes, message.total_bytes) == (1, 2)), "{told:?}");
    assert!(told.iter().any(|message| message.image_id.as_deref() == Some("sha256:redis:7")), "{told:?}");
    let unspecified = served.client.ensure_image(request(wire::PullPolicy::Unspecified)).await.unwrap_err();
    assert_eq!(unspecified.code(), Code::InvalidArgument);
    served.shutdown.cancel();
}
