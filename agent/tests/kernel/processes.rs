//! Process nodes beside an engine that is away, and in folders that cannot be read.

use std::fs;
use std::sync::Arc;

use throng_agent::host::engine::fake::state::{FIRST_PID, Failure, FakeEngine};
use throng_agent::host::procs::table::Procs;
use throng_agent::ledger::NodeRecord;
use throng_agent::reconcile::command::{ActOutcome, Adopted, Job, Key, WantedNode};
use throng_agent::reconcile::effects::Host;
use throng_agent::reconcile::node_state::{Action, DEFAULT_STOP, NodeState, Presence, Running};
use throng_agent::resources::files::beneath::Owner;
use throng_agent::resources::files::folders::{User, ensure};
use throng_common::ids::{ClusterId, Incarnation};
use throng_common::status::{ReasonKind, UnixMillis};

use crate::machine::{container_node, host};
use crate::names::{cluster, node};
use crate::root::demand_root;

/// A host whose engine answers nothing.
struct Alone {
    folder: tempfile::TempDir,
    host: Arc<Host>,
    cluster: ClusterId,
}

impl Alone {
    fn new() -> Self {
        demand_root();
        let folder = tempfile::Builder::new().prefix("throng-").tempdir().unwrap();
        let engine = FakeEngine::default();
        for call in ["list", "inspect", "remove"] {
            engine.fail(call, Failure::Unreachable);
        }
        let procs = Procs::at(folder.path().join("proc"));
        let host = Arc::new(host(folder.path(), folder.path(), engine, procs));
        Self { folder, host, cluster: cluster() }
    }

    fn key(&self, index: u32) -> Key {
        Key { cluster: self.cluster.clone(), node: node(index) }
    }

    /// What an agent leaves that is killed before its shim begins.
    fn begin(&self, index: u32) {
        ensure(&self.host.parts().paths, &self.cluster, &node(index), User::Process(Owner::ROOT)).unwrap();
    }

    fn record(&self, index: u32, boot_id: &str) {
        let record = NodeRecord {
            cluster: self.cluster.clone(),
            node: node(index),
            boot_id: boot_id.to_owned(),
            container_id: None,
            pid: 7,
            pid_start_ticks: 9,
            digest: "d".to_owned(),
            incarnation: Incarnation(3),
            restarts: 0,
            started_at: UnixMillis(5),
            stop: None,
        };
        self.host.parts().ledger.record_node(&record).unwrap();
    }
}

#[tokio::test]
async fn a_process_that_never_began_is_removed_without_an_engine() {
    let alone = Alone::new();
    alone.begin(1);
    let job = Job { key: alone.key(1), action: Action::Remove, wanted: None, state: NodeState::default() };
    let outcome = alone.host.act(job.clone()).await;
    assert!(matches!(outcome, ActOutcome::Removed), "{outcome:?}");
    assert!(!alone.host.parts().paths.node_dir(&alone.cluster, &node(1)).exists());
    // Of a container the engine alone knows.
    ensure(&alone.host.parts().paths, &alone.cluster, &node(1), User::Container(None)).unwrap();
    let outcome = alone.host.act(job).await;
    assert!(matches!(outcome, ActOutcome::Failed { .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_process_of_an_earlier_boot_is_found_lost_without_an_engine() {
    let alone = Alone::new();
    alone.record(1, "an earlier one");
    alone.record(2, "boot");
    let looked = alone.host.look().await;
    assert!(looked.unseen.containers.is_some() && looked.unseen.of_processes().next().is_none(), "{looked:?}");
    let found: Vec<_> = looked.found.iter().map(|found| (&found.key, &found.presence, found.of_earlier_boot)).collect();
    let (first, second) = (alone.key(1), alone.key(2));
    assert_eq!(found, [(&first, &Presence::Absent, true), (&second, &Presence::Absent, false)]);
}

#[tokio::test]
async fn what_cannot_be_read_of_processes_is_not_taken_for_gone() {
    let alone = Alone::new();
    alone.begin(1);
    alone.record(1, "boot");
    let paths = alone.host.parts().paths.clone();
    let shim = paths.shim_dir(&alone.cluster, &node(1));
    fs::write(shim.join("shim.json"), "{").unwrap();
    let looked = alone.host.look().await;
    assert_eq!((looked.found.len(), &looked.unseen.processes), (0, &None), "neither gone nor there");
    let [(unread, why)] = &looked.unseen.nodes.iter().collect::<Vec<_>>()[..] else { panic!("{:?}", looked.unseen) };
    assert_eq!((*unread, why.kind), (&alone.key(1), ReasonKind::Host));
    assert!(why.message.contains("shim.json"), "{why}");
    // What is no folder is nobody's.
    fs::write(paths.run_dir().join("notes"), "of somebody").unwrap();
    assert_eq!(alone.host.look().await.unseen.processes, None);
    fs::remove_dir_all(paths.run_dir()).unwrap();
    fs::write(paths.run_dir(), "in its place").unwrap();
    let looked = alone.host.look().await;
    assert_eq!((looked.found.len(), looked.unseen.processes.is_some()), (0, true), "{looked:?}");
}

#[tokio::test]
async fn a_node_that_was_adopted_is_in_the_ledger() {
    let alone = Alone::new();
    let process = alone.folder.path().join("proc").join(FIRST_PID.to_string());
    fs::create_dir_all(&process).unwrap();
    let stat = format!("{FIRST_PID} (x) S 1 {FIRST_PID} {FIRST_PID} 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 2 3");
    fs::write(process.join("stat"), stat).unwrap();
    let running =
        Running { container: None, image_id: None, pid: FIRST_PID, digest: "d".to_owned(), stop: DEFAULT_STOP };
    let address = "127.84.0.1".parse().unwrap();
    let wanted = Arc::new(WantedNode { spec: container_node(1), digest: "d".to_owned(), address });
    let adopted = Adopted { key: alone.key(1), running, wanted, restarts: 2, started_at: UnixMillis(5) };
    alone.host.record_adopted(std::slice::from_ref(&adopted));
    let records = alone.host.parts().ledger.nodes().unwrap();
    let known: Vec<_> = records.iter().map(|record| (record.pid, record.pid_start_ticks, record.incarnation)).collect();
    assert_eq!(known, [(FIRST_PID, 4242, Incarnation(1))]);
}
