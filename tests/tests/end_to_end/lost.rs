//! Throng's own files are lost: the journal, the ledger, or all of it. What runs goes on, and can still be taken down.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use throng_tests::site::{COMMAND_TIMEOUT, in_site, nodes, pids};
use throng_tests::{agent, coordinator, engine, host};

type Damage = fn(&Path);

/// What can happen to a database, by what is said of it.
const DAMAGES: [(&str, Damage); 3] = [("gone", delete), ("damaged", truncate), ("damaged", tear)];

fn delete(path: &Path) {
    fs::remove_file(path).unwrap();
}

fn truncate(path: &Path) {
    let length = path.metadata().unwrap().len();
    File::options().write(true).open(path).unwrap().set_len(length / 2 + 100).unwrap();
}

fn tear(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let length = bytes.len();
    bytes[length / 4..length / 2].fill(0xa5);
    fs::write(path, bytes).unwrap();
}

/// Damages a database that nobody uses. What its log still holds is brought into it first.
fn damage(path: &Path, by: Damage) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(connection);
    by(path);
}

/// Containers of a cluster with their first processes' ids.
fn pids_of(cluster: &str) -> BTreeMap<String, u64> {
    let containers = engine::containers(&format!("throng-{cluster}-"));
    let pid = |id: &str| engine::inspect(id).and_then(|seen| seen["State"]["Pid"].as_u64()).unwrap_or(0);
    containers.into_iter().map(|container| (container.name, pid(&container.id))).collect()
}

#[test]
fn a_cluster_outlives_the_journal_that_knew_it_and_is_still_taken_down_to_nothing() {
    in_site(|site| {
        for (what, by) in DAMAGES {
            let cluster = site.up();
            let before = pids_of(&cluster);
            assert_eq!(before.len(), 3);
            coordinator::kill(site);
            damage(&site.state_dir().join("throng.db"), by);

            // Without a yes it is only shown. The coordinator that is started for it says once what became of its journal.
            let shown = site.throng(&["down", "--orphans"]).expect_code(5);
            let shown = shown.expect_said(&["the journal", what, &cluster, "3 containers", "--orphans --yes"]);
            assert_eq!(shown.stderr.matches("a new one begun").count(), 1, "{shown}");
            assert_eq!(pids_of(&cluster), before, "it runs on, untouched");
            let unknown = site.throng(&["down", &cluster, "--yes"]).expect_code(2);
            let _ = unknown.expect_said(&["the journal does not know", "down --orphans"]);
            let _ = site.throng(&["stop"]).expect_code(2).expect_said(&[&cluster]);
            let _ = site.throng(&["status"]).expect_code(0).expect_said(&[&cluster, "down --orphans"]);

            let down = site.throng(&["down", "--orphans", "--yes"]).expect_code(0);
            let _ = down.expect_said(&[&cluster, "nothing left behind"]);
            assert_eq!(pids_of(&cluster), BTreeMap::new());
            let asides = fs::read_dir(site.state_dir()).unwrap().flatten();
            let damaged = asides.filter(|entry| entry.file_name().to_string_lossy().contains(".db.damaged-"));
            assert_eq!(damaged.count() > 0, what == "damaged");
            let _ = site.throng(&["stop"]).expect_code(0);
        }
    });
}

#[test]
fn a_cluster_of_which_neither_journal_nor_ledger_knows_runs_on_until_somebody_says_that_it_shall_go() {
    in_site(|site| {
        for (_, by) in DAMAGES {
            let cluster = site.up();
            let before = pids_of(&cluster);
            let reserved = host::reserved();
            agent::lose(site);
            coordinator::kill(site);
            damage(&site.state_dir().join("throng.db"), by);
            damage(&site.agent_state_dir().join("ledger.db"), by);
            let serve = coordinator::start(site);
            agent::start(site);
            let shown = site.throng(&["down", "--orphans"]).expect_code(5);
            let _ = shown.expect_said(&[&cluster, "3 containers", "--orphans --yes"]);
            assert_eq!(pids_of(&cluster), before, "it runs on, untouched");
            assert_eq!(host::reserved(), reserved, "its ports stay its own");

            let down = site.throng(&["down", "--orphans", "--yes"]).expect_code(0);
            let _ = down.expect_said(&[&cluster, "nothing left behind"]);
            assert_eq!(pids_of(&cluster), BTreeMap::new());
            let _ = site.throng(&["stop"]).expect_code(0);
            let _ = serve.end(COMMAND_TIMEOUT);
        }
    });
}

#[test]
fn whatever_becomes_of_the_newest_writes_the_cluster_is_still_taken_down_to_nothing() {
    in_site(|site| {
        // The writes before say that nothing is wanted.
        let _ = site.up();
        site.down();
        let _ = site.throng(&["stop"]).expect_code(0);
        for (what, by) in DAMAGES {
            let cluster = site.up();
            let before = pids_of(&cluster);
            let files = [site.state_dir().join("throng.db-wal"), site.agent_state_dir().join("ledger.db-wal")];
            host::kill_now(agent::pid(site));
            coordinator::kill(site);
            for file in &files {
                assert!(file.metadata().unwrap().len() > 0, "{}: nothing was written", file.display());
                by(file);
            }
            let serve = coordinator::start(site);
            agent::start(site);
            // What is known of it is what was written before.
            let status = site.throng(&["status", "--format", "json"]).expect_code(0).json();
            let known = status["clusters"].as_array().unwrap().iter().any(|known| known["cluster"] == cluster.as_str());
            if what == "gone" {
                assert!(!known);
                assert_eq!(pids_of(&cluster), before, "that nothing was wanted then is no reason to end it");
            }
            let down: &[&str] = if known { &["down", "--yes"] } else { &["down", "--orphans", "--yes"] };
            let _ = site.throng(down).expect_code(0).expect_said(&["nothing left behind"]);
            assert_eq!(pids_of(&cluster), BTreeMap::new());
            let _ = site.throng(&["stop"]).expect_code(0);
            let _ = serve.end(COMMAND_TIMEOUT);
        }
    });
}

#[test]
fn nodes_outlive_their_agents_ledger_and_are_taken_down_with_all_that_was_set_for_them() {
    in_site(|site| {
        for (_, by) in DAMAGES {
            let _ = site.up();
            let before = pids(&site.wait_for_count("worker", 3));
            agent::lose(site);
            damage(&site.agent_state_dir().join("ledger.db"), by);
            agent::start(site);
            let ps = site.wait_for_count("worker", 3);
            assert_eq!(pids(&ps), before);
            assert!(nodes(&ps).iter().all(|node| node["restarts"] == 0), "{ps:#}");
            // Also the ports that it had reserved: the coordinator remembers them for it.
            site.down();
        }
    });
}

#[test]
fn a_journal_and_a_ledger_of_a_later_throng_are_refused_with_both_versions_and_left_as_they_are() {
    in_site(|site| {
        let _ = site.up();
        site.down();
        let _ = site.throng(&["stop"]).expect_code(0);
        let scenario = site.tiny();
        let files = [site.agent_state_dir().join("ledger.db"), site.state_dir().join("throng.db")];
        for file in &files {
            let connection = rusqlite::Connection::open(file).unwrap();
            let own: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
            connection.pragma_update(None, "user_version", 99).unwrap();
            let refused = site.throng(&["up", &scenario]);
            assert!(refused.code.is_some_and(|code| code != 0), "{refused}");
            let refused = refused.expect_said(&["has schema 99", &format!("up to {own}")]);
            assert!(!refused.stderr.contains("damaged"), "{refused}");
            site.expect_no_daemons();
            connection.pragma_update(None, "user_version", own).unwrap();
        }
        let _ = site.up();
        site.down();
    });
}

/// Makes a journal of today's schema one of the first.
const AS_THE_FIRST: &str = "
DROP TABLE operations;
ALTER TABLE clusters RENAME TO today;
CREATE TABLE clusters (
    cluster           TEXT PRIMARY KEY,
    scenario          TEXT NOT NULL,
    state             TEXT NOT NULL,
    created           INTEGER NOT NULL,
    bundle            BLOB NOT NULL,
    plan              TEXT NOT NULL,
    counts            TEXT NOT NULL,
    incarnations      TEXT NOT NULL,
    sysctl_originals  TEXT NOT NULL
) STRICT;
INSERT INTO clusters SELECT cluster, 'tiny', 'up', created, x'', record, '{}', '{}', '{}' FROM today;
DROP TABLE today;
PRAGMA user_version = 1;
";

#[test]
fn a_journal_of_the_first_schema_is_brought_up_to_date_with_its_cluster_in_it() {
    in_site(|site| {
        let cluster = site.up();
        let before = pids_of(&cluster);
        coordinator::kill(site);
        let journal = rusqlite::Connection::open(site.state_dir().join("throng.db")).unwrap();
        journal.execute_batch(AS_THE_FIRST).unwrap();
        drop(journal);
        let serve = coordinator::start(site);
        site.wait_for_count("worker", 3);
        assert_eq!((site.cluster(), pids_of(&cluster)), (cluster.clone(), before));
        site.down();
        let _ = site.throng(&["stop"]).expect_code(0);
        let _ = serve.end(COMMAND_TIMEOUT);
    });
}
