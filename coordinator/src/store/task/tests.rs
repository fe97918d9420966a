use super::*;
use crate::store::*;
use std::path::PathBuf;
use std::time::Duration;
use throng_common::ids::{ClusterId, Epoch, Generation, HostId, RunId};
use throng_common::status::UnixMillis;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }
    fn path(&self) -> PathBuf {
        self.folder.path().join("throng.db")
    }
    fn open(&self) -> Store {
        Store::open(&self.path()).unwrap()
    }
}

fn host(name: &str) -> HostId {
    HostId::new(name).unwrap()
}

fn event(cluster: Option<&str>, kind: &str) -> NewEvent {
    NewEvent {
        at: UnixMillis(5),
        cluster: cluster.map(|name| ClusterId::new(name).unwrap()),
        subject: "worker-0000".into(),
        kind: kind.into(),
        message: "what happened".into(),
    }
}

#[tokio::test]
async fn a_fleet_keeps_its_id_and_raises_its_epoch_with_every_life() {
    let scratch = Scratch::new();
    let first = scratch.open().begin_life(None, NOW).await.unwrap();
    let second = scratch.open().begin_life(None, NOW).await.unwrap();
    assert_eq!(first.fleet, second.fleet);
    assert_eq!((first.epoch, second.epoch), (Epoch(1_700_000_000), Epoch(1_700_000_001)));
    // A clock that was set back, and one that went on.
    let third = scratch.open().begin_life(None, UnixMillis(5)).await.unwrap();
    let later = scratch.open().begin_life(None, UnixMillis(NOW.0 + 60_000)).await.unwrap();
    assert_eq!((third.epoch, later.epoch), (Epoch(1_700_000_002), Epoch(1_700_000_060)));
}

#[tokio::test]
async fn a_fleet_whose_journal_was_lost_keeps_its_id_and_goes_on_with_higher_epochs() {
    let lost = Scratch::new().open().begin_life(None, NOW).await.unwrap();
    let scratch = Scratch::new();
    let first = scratch.open().begin_life(Some(lost.fleet.clone()), NOW).await.unwrap();
    assert_eq!(first, Life { fleet: lost.fleet.clone(), epoch: Epoch(1_700_000_000), rebuilt: true, is_new: true });
    let second = scratch.open().begin_life(Some(lost.fleet.clone()), UnixMillis(5)).await.unwrap();
    assert_eq!(second, Life { epoch: Epoch(1_700_000_001), is_new: false, ..first });
    let usual = Scratch::new().open().begin_life(None, NOW).await.unwrap();
    assert!(usual.is_new && !usual.rebuilt && usual.epoch == Epoch(1_700_000_000));
}

#[tokio::test]
async fn a_database_that_is_closed_is_one_file_with_all_that_was_asked_before() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let life = store.begin_life(None, NOW).await.unwrap();
    let log = scratch.path().with_extension("db-wal");
    assert!(log.metadata().unwrap().len() > 0);
    store.close().await;
    assert!(!log.exists());
    assert!(matches!(store.begin_life(None, NOW).await, Err(StoreError::Closed { .. })));
    store.close().await;
    assert_eq!(scratch.open().begin_life(None, NOW).await.unwrap().fleet, life.fleet);
}

#[tokio::test]
async fn a_database_of_a_newer_schema_is_refused_with_both_versions() {
    let scratch = Scratch::new();
    drop(scratch.open().begin_life(None, NOW).await.unwrap());
    let connection = Connection::open(scratch.path()).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = Store::open(&scratch.path()).unwrap_err().to_string();
    assert!(error.contains("schema 99") && error.contains(&format!("up to {SCHEMA_VERSION}")), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_as_it_was() {
    let scratch = Scratch::new();
    std::fs::write(scratch.path(), vec![7_u8; 8192]).unwrap();
    assert!(matches!(Store::open(&scratch.path()), Err(StoreError::Open { .. })));
    assert_eq!(std::fs::read(scratch.path()).unwrap(), vec![7_u8; 8192]);
}

#[tokio::test]
async fn the_database_is_its_owner_s_alone_and_commits_survive_a_power_cut() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = Scratch::new();
    let store = scratch.open();
    let modes = store
        .write("look", |connection| {
            let journal: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
            let synchronous: i64 = connection.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
            Ok((journal, synchronous))
        })
        .await
        .unwrap();
    assert_eq!(modes, ("wal".to_owned(), 2));
    assert_eq!(scratch.path().metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn what_is_read_does_not_wait_for_what_is_being_written() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let (release, released) = std::sync::mpsc::channel();
    let writing = tokio::spawn({
        let store = store.clone();
        async move { store.write("wait", move |_| Ok(released.recv())).await }
    });
    assert!(store.list_clusters().await.unwrap().is_empty());
    assert!(!writing.is_finished());
    release.send(()).unwrap();
    assert!(writing.await.unwrap().unwrap().is_ok());
}

#[tokio::test]
async fn of_many_who_come_with_one_token_just_one_gets_in() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let token = NewToken {
        hash: [1; 32],
        host: Some(host("local")),
        uses: 1,
        created: UnixMillis(1_000),
        expires: UnixMillis(2_000),
    };
    store.save_token(token.clone()).await.unwrap();
    let tries: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn({
                let store = store.clone();
                async move { store.spend_token([1; 32], UnixMillis(1_500)).await }
            })
        })
        .collect();
    let mut admitted = Vec::new();
    for one in tries {
        admitted.extend(one.await.unwrap().unwrap());
    }
    assert_eq!(admitted, [Some(host("local"))]);

    store.save_token(NewToken { hash: [2; 32], ..token }).await.unwrap();
    assert_eq!(store.spend_token([2; 32], UnixMillis(2_000)).await.unwrap(), None, "expired");
    assert_eq!(store.spend_token([3; 32], UnixMillis(1)).await.unwrap(), None, "unknown");
}

#[tokio::test]
async fn generations_only_grow_and_outlive_the_coordinator() {
    let scratch = Scratch::new();
    let store = scratch.open();
    assert_eq!(store.next_generation(host("a")).await.unwrap(), Generation(1));
    store.raise_generation(host("a"), Generation(10)).await.unwrap();
    store.raise_generation(host("a"), Generation(5)).await.unwrap();
    drop(store);
    let store = scratch.open();
    assert_eq!(store.next_generation(host("a")).await.unwrap(), Generation(11));
}

#[tokio::test]
async fn a_cluster_comes_back_as_it_was_saved_and_is_forgotten_when_deleted() {
    let scratch = Scratch::new();
    let cluster = ClusterId::new("redis-x7k2").unwrap();
    let row = ClusterRow { cluster: cluster.clone(), created: UnixMillis(3), record: "{}".into() };
    scratch.open().save_cluster(row.clone()).await.unwrap();
    let store = scratch.open();
    let known: Vec<ClusterRow> = store.list_clusters().await.unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!(known, [row]);
    assert!(store.has_cluster(cluster.clone()).await.unwrap());
    store.delete_cluster(cluster.clone()).await.unwrap();
    assert!(!store.has_cluster(cluster).await.unwrap());
}

#[tokio::test]
async fn of_clusters_one_that_cannot_be_read_is_named_and_the_others_are_there() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let insert = "INSERT INTO clusters VALUES ('No Name', 1, '{}'), ('redis-x7k2', 2, '{}')";
    store.write("insert", |connection| Ok(connection.execute(insert, [])?)).await.unwrap();
    let [damaged, sound] = store.list_clusters().await.unwrap().try_into().unwrap();
    assert!(damaged.unwrap_err().to_string().contains("No Name"));
    assert_eq!(sound.unwrap().cluster.as_str(), "redis-x7k2");
}

#[tokio::test]
async fn events_are_numbered_in_order_filtered_and_announced() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let mut news = store.watch_events();
    store.append_events(vec![]).await.unwrap();
    assert!(!news.has_changed().unwrap());
    let batch = vec![event(Some("a"), "one"), event(None, "two"), event(Some("a"), "three")];
    store.append_events(batch).await.unwrap();
    assert_eq!(*news.borrow_and_update(), 3);
    let kinds = |page: EventPage| page.events.into_iter().map(|e| (e.number, e.event.kind)).collect::<Vec<_>>();
    let of_a = EventFilter { cluster: ClusterId::new("a").ok(), ..EventFilter::default() };
    assert_eq!(kinds(store.list_events(of_a).await.unwrap()), [(1, "one".into()), (3, "three".into())]);
    let from = EventFilter { from: 3, ..EventFilter::default() };
    assert_eq!(kinds(store.list_events(from.clone()).await.unwrap()), [(3, "three".into())]);
    for (filter, length, begins) in [
        (EventFilter::default(), 2, 2),
        (EventFilter::default(), 9, 1),
        (EventFilter { cluster: ClusterId::new("a").ok(), from: 0 }, 2, 1),
        (from, 9, 3),
        (EventFilter { cluster: None, from: 7 }, 1, 7),
    ] {
        assert_eq!(store.tail_begins(filter.clone(), length).await.unwrap(), begins, "{filter:?}, {length}");
    }
}

#[tokio::test]
async fn events_come_in_pages_and_each_says_whether_there_are_more() {
    let scratch = Scratch::new();
    let store = scratch.open();
    store.append_events((0..2_500).map(|number| event(None, &number.to_string())).collect()).await.unwrap();
    let (mut from, mut lengths) = (0, Vec::new());
    loop {
        let page = store.list_events(EventFilter { cluster: None, from }).await.unwrap();
        lengths.push(page.events.len());
        if !page.has_more {
            break;
        }
        from = page.events.last().unwrap().number + 1;
    }
    assert_eq!(lengths, [1_000, 1_000, 500]);
}

#[tokio::test]
async fn the_oldest_events_go_when_there_are_too_many_and_numbers_are_never_given_twice() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let bound = usize::try_from(EVENTS_KEPT_MAX).unwrap();
    store.append_events(vec![event(None, "old"); 10]).await.unwrap();
    store.append_events(vec![event(None, "new"); bound]).await.unwrap();
    let first = store.list_events(EventFilter::default()).await.unwrap().events.remove(0);
    assert_eq!((first.number, first.event.kind.as_str()), (11, "new"));
}

#[tokio::test]
async fn runs_and_hosts_and_operators_come_back_as_they_were_saved() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let run = |name: &str, started| RunRecord {
        run: RunId::new(name).unwrap(),
        cluster: ClusterId::new("c").unwrap(),
        scenario: "redis".into(),
        outcome: "pass".into(),
        started: UnixMillis(started),
        took: Duration::from_millis(1_500),
        counts: RunCounts { passed: 3, failed: 0, known_failures: 1 },
        artefacts: "/var/lib/throng/runs/x".into(),
    };
    store.save_run(run("old", 1)).await.unwrap();
    store.save_run(run("new", 2)).await.unwrap();
    assert_eq!(store.run_record(None).await.unwrap(), Some(run("new", 2)));
    assert_eq!(store.run_record(RunId::new("old").ok()).await.unwrap(), Some(run("old", 1)));
    assert_eq!(store.list_runs().await.unwrap(), [run("new", 2), run("old", 1)]);

    let record = |enrolled| HostRecord {
        host: host("a"),
        hostname: "machine".into(),
        address: "127.0.0.1".into(),
        certificate_serial: format!("{enrolled:x}"),
        first_seen: UnixMillis(enrolled),
        last_enrolled: UnixMillis(enrolled),
    };
    store.save_host(record(1)).await.unwrap();
    store.save_host(record(9)).await.unwrap();
    let kept = HostRecord { first_seen: UnixMillis(1), ..record(9) };
    assert_eq!(store.host(host("a")).await.unwrap(), Some(kept.clone()));
    assert_eq!(store.list_hosts().await.unwrap(), [kept]);
    store.delete_host(host("a")).await.unwrap();
    assert_eq!(store.host(host("a")).await.unwrap(), None);

    let operator = OperatorRecord {
        serial: "ab".into(),
        name: "ann".into(),
        role: "viewer".into(),
        issued: UnixMillis(1),
        expires: UnixMillis(2),
    };
    let other = OperatorRecord { serial: "cd".into(), issued: UnixMillis(2), ..operator.clone() };
    let bob = OperatorRecord { serial: "ef".into(), name: "bob".into(), issued: UnixMillis(3), ..operator.clone() };
    for record in [&operator, &other, &bob] {
        store.save_operator(record.clone()).await.unwrap();
    }
    assert_eq!(store.list_operators().await.unwrap(), [bob.clone(), other.clone(), operator.clone()]);
    assert_eq!(store.remove_operators("ann".into(), Some("ef".into())).await.unwrap(), [], "that one is bob's");
    assert_eq!(store.remove_operators("ann".into(), Some("ab".into())).await.unwrap(), [operator]);
    assert_eq!(store.remove_operators("ann".into(), None).await.unwrap(), [other]);
    assert_eq!(store.list_operators().await.unwrap(), [bob]);
}

#[tokio::test]
async fn an_operation_is_known_until_it_has_ended_and_that_it_is_to_stop_is_remembered() {
    let scratch = Scratch::new();
    let record = |name: &str, started| OperationRecord {
        operation: name.parse().unwrap(),
        cluster: (name != "sweep-a").then(|| ClusterId::new("c-x7k2").unwrap()),
        started: UnixMillis(started),
        wish_json: "{\"verb\":\"up\"}".to_owned(),
        cancelled: false,
    };
    let store = scratch.open();
    for record in [record("up-b", 2), record("sweep-a", 1), record("down-c", 3)] {
        store.save_operation(record).await.unwrap();
    }
    store.cancel_operation("up-b".parse().unwrap()).await.unwrap();
    store.delete_operation("down-c".parse().unwrap()).await.unwrap();
    store.delete_operation("down-c".parse().unwrap()).await.unwrap();
    drop(store);
    let found = scratch.open().list_operations().await.unwrap();
    assert_eq!(found, [record("sweep-a", 1), OperationRecord { cancelled: true, ..record("up-b", 2) }]);
}
