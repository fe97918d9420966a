//! The tables.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, params};
use rusqlite_migration::{M, Migrations, SchemaVersion};
use serde::{Deserialize, Serialize};
use throng_common::host_spec::{HostSpec, StopSpec};
use throng_common::ids::{ClusterId, Incarnation, NodeName};
use throng_common::status::{SysctlChange, UnixMillis};
use throng_failpoints::{Fault, Point, hit, planted};

use crate::resources::sysctl::record::SysctlRecord;

/// The version of the tables.
pub const SCHEMA: u32 = 2;

/// Once released, a migration is never edited: changes are appended.
const MIGRATIONS: &[M<'static>] = &[
    M::up(
        "CREATE TABLE document (name TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT;
         CREATE TABLE sysctl (key TEXT PRIMARY KEY, original TEXT NOT NULL, written TEXT NOT NULL) STRICT;
         CREATE TABLE node (cluster TEXT NOT NULL, node TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY (cluster, node)) STRICT;",
    ),
    // What is about to be written, beside what was written last.
    M::up("ALTER TABLE sysctl ADD COLUMN writing TEXT;"),
];

/// What is remembered of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// The cluster.
    pub cluster: ClusterId,
    /// The node.
    pub node: NodeName,
    /// The boot in which it was started.
    pub boot_id: String,
    /// Its container; none for a process.
    pub container_id: Option<String>,
    /// Its first process.
    pub pid: u32,
    /// That process's start time, in clock ticks since boot: pid and start time together name a process for good.
    pub pid_start_ticks: u64,
    /// The digest of the spec that it was made from.
    pub digest: String,
    /// Its incarnation.
    pub incarnation: Incarnation,
    /// How often it was started again.
    pub restarts: u32,
    /// When it was started.
    pub started_at: UnixMillis,
    /// How it is to be stopped; none: an older agent wrote the record.
    #[serde(default)]
    pub stop: Option<StopSpec>,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file cannot be opened or is damaged.
    #[error("could not open the ledger {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The file has tables of a later version.
    #[error("the ledger {path} has schema {found}, this agent knows up to {SCHEMA}: use the newer agent")]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: usize,
    },
    /// The file's tables cannot be brought up to date.
    #[error("could not bring the ledger {path} to schema {SCHEMA}")]
    Schema {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite_migration::Error,
    },
    /// A read or a write failed.
    #[error("could not use the ledger")]
    Use(#[from] rusqlite::Error),
    /// A document in it is not what it should be.
    #[error("the ledger holds a damaged document")]
    Document(#[from] serde_json::Error),
}

/// The ledger. Every write is on disk when the call returns.
#[derive(Debug)]
pub struct Ledger {
    connection: Mutex<Connection>,
}

impl Ledger {
    /// Opens the ledger, and makes it where there is none. A damaged file is set aside, never in the way of a teardown:
    /// what runs is found again from the marks in kernel and engine.
    pub fn open(path: &Path) -> Result<(Self, Option<PathBuf>), LedgerError> {
        match Self::open_sound(path).and_then(Self::readable) {
            Err(error) if is_damage(&error) => {
                let aside = path.with_extension("damaged");
                for ending in ["", "-wal", "-shm"] {
                    let from = PathBuf::from(format!("{}{ending}", path.display()));
                    let to = PathBuf::from(format!("{}{ending}", aside.display()));
                    // A part that is not there has nothing to be set aside.
                    let _ = std::fs::rename(from, to);
                }
                Self::open_sound(path).map(|ledger| (ledger, Some(aside)))
            }
            opened => opened.map(|ledger| (ledger, None)),
        }
    }

    /// Itself, where everything in it can be read. Documents may be of another version of throng.
    fn readable(self) -> Result<Self, LedgerError> {
        self.spec()?;
        self.addresses()?;
        self.sysctls()?;
        self.nodes()?;
        Ok(self)
    }

    fn open_sound(path: &Path) -> Result<Self, LedgerError> {
        let open = |source| LedgerError::Open { path: path.to_owned(), source };
        let mut connection = Connection::open(path).map_err(open)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(open)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(open)?;
        let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(open)?;
        if verdict != "ok" {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            return Err(open(rusqlite::Error::SqliteFailure(code, Some(verdict))));
        }
        let (migrations, path) = (Migrations::from_slice(MIGRATIONS), path.to_owned());
        let schema = |source| LedgerError::Schema { path: path.clone(), source };
        if let SchemaVersion::Outside(found) = migrations.current_version(&connection).map_err(schema)? {
            return Err(LedgerError::TooNew { path, found: found.get() });
        }
        migrations.to_latest(&mut connection).map_err(schema)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic elsewhere leaves SQLite's own state sound.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The desired state that was last taken.
    pub fn spec(&self) -> Result<Option<HostSpec>, LedgerError> {
        let json: Option<String> = self
            .connection()
            .query_row("SELECT json FROM document WHERE name = 'spec'", [], |row| row.get(0))
            .optional()?;
        Ok(json.map(|json| serde_json::from_str(&json)).transpose()?)
    }

    /// Keeps the desired state.
    pub fn set_spec(&self, spec: &HostSpec) -> Result<(), LedgerError> {
        let json = serde_json::to_string(spec)?;
        hit(Point::LedgerSpecWriting);
        self.connection().execute("INSERT OR REPLACE INTO document (name, json) VALUES ('spec', ?1)", params![json])?;
        hit(Point::LedgerSpecWritten);
        Ok(())
    }

    /// Forgets the desired state: it was another fleet's.
    pub fn forget_spec(&self) -> Result<(), LedgerError> {
        hit(Point::LedgerSpecForgetting);
        self.connection().execute("DELETE FROM document WHERE name = 'spec'", [])?;
        hit(Point::LedgerSpecForgotten);
        Ok(())
    }

    /// All sysctls that were changed and not put back.
    pub fn sysctls(&self) -> Result<Vec<SysctlRecord>, LedgerError> {
        let connection = self.connection();
        let mut statement = connection.prepare("SELECT key, original, written, writing FROM sysctl ORDER BY key")?;
        let rows = statement.query_map([], |row| {
            let change = SysctlChange { key: row.get(0)?, original: row.get(1)?, written: row.get(2)? };
            Ok(SysctlRecord { change, writing: row.get(3)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Remembers a sysctl, before a write and after it, in the place of what was known of it.
    pub fn record_sysctl(&self, record: &SysctlRecord) -> Result<(), LedgerError> {
        if planted(Fault::SkipSettingRecord) {
            return Ok(());
        }
        let SysctlRecord { change, writing } = record;
        hit(Point::LedgerSysctlWriting);
        self.connection().execute(
            "INSERT OR REPLACE INTO sysctl (key, original, written, writing) VALUES (?1, ?2, ?3, ?4)",
            params![change.key, change.original, change.written, writing],
        )?;
        hit(Point::LedgerSysctlWritten);
        Ok(())
    }

    /// Forgets a sysctl that was put back.
    pub fn forget_sysctl(&self, key: &str) -> Result<(), LedgerError> {
        if planted(Fault::SkipSettingForget) {
            return Ok(());
        }
        hit(Point::LedgerSysctlForgetting);
        self.connection().execute("DELETE FROM sysctl WHERE key = ?1", params![key])?;
        hit(Point::LedgerSysctlForgotten);
        Ok(())
    }

    /// Addresses that were added to `lo` and not removed.
    pub fn addresses(&self) -> Result<BTreeSet<Ipv4Addr>, LedgerError> {
        let json: Option<String> = self
            .connection()
            .query_row("SELECT json FROM document WHERE name = 'addresses'", [], |row| row.get(0))
            .optional()?;
        Ok(json.map(|json| serde_json::from_str(&json)).transpose()?.unwrap_or_default())
    }

    /// Remembers addresses before they are added, and forgets them after they were removed.
    pub fn set_addresses(&self, addresses: &BTreeSet<Ipv4Addr>) -> Result<(), LedgerError> {
        let json = serde_json::to_string(addresses)?;
        let sql = "INSERT OR REPLACE INTO document (name, json) VALUES ('addresses', ?1)";
        hit(Point::LedgerAddressesWriting);
        self.connection().execute(sql, params![json])?;
        hit(Point::LedgerAddressesWritten);
        Ok(())
    }

    /// All nodes.
    pub fn nodes(&self) -> Result<Vec<NodeRecord>, LedgerError> {
        let connection = self.connection();
        let mut statement = connection.prepare("SELECT json FROM node ORDER BY cluster, node")?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        rows.map(|json| Ok(serde_json::from_str(&json?)?)).collect()
    }

    /// Remembers a node that was started.
    pub fn record_node(&self, record: &NodeRecord) -> Result<(), LedgerError> {
        let json = serde_json::to_string(record)?;
        if planted(Fault::SkipNodeRecord) {
            return Ok(());
        }
        hit(Point::LedgerNodeWriting);
        self.connection().execute(
            "INSERT OR REPLACE INTO node (cluster, node, json) VALUES (?1, ?2, ?3)",
            params![record.cluster.as_str(), record.node.to_string(), json],
        )?;
        hit(Point::LedgerNodeWritten);
        Ok(())
    }

    /// Remembers nodes that were found running, as far as they are not known: one that is was started since.
    pub fn record_found(&self, records: &[NodeRecord]) -> Result<(), LedgerError> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        for record in records {
            transaction.execute(
                "INSERT OR IGNORE INTO node (cluster, node, json) VALUES (?1, ?2, ?3)",
                params![record.cluster.as_str(), record.node.to_string(), serde_json::to_string(record)?],
            )?;
        }
        hit(Point::LedgerFoundWriting);
        transaction.commit()?;
        hit(Point::LedgerFoundWritten);
        Ok(())
    }

    /// Remembers that a node is to be stopped in another way. One that is not known is not remembered by this.
    pub fn record_stop(&self, cluster: &ClusterId, node: &NodeName, stop: &StopSpec) -> Result<(), LedgerError> {
        let json = serde_json::to_string(stop)?;
        hit(Point::LedgerStopWriting);
        self.connection().execute(
            "UPDATE node SET json = json_set(json, '$.stop', json(?3)) WHERE cluster = ?1 AND node = ?2",
            params![cluster.as_str(), node.to_string(), json],
        )?;
        hit(Point::LedgerStopWritten);
        Ok(())
    }

    /// What is known of one node.
    pub fn node(&self, cluster: &ClusterId, node: &NodeName) -> Result<Option<NodeRecord>, LedgerError> {
        let sql = "SELECT json FROM node WHERE cluster = ?1 AND node = ?2";
        let row = self.connection().query_row(sql, params![cluster.as_str(), node.to_string()], |row| row.get(0));
        let json: Option<String> = row.optional()?;
        Ok(json.map(|json| serde_json::from_str(&json)).transpose()?)
    }

    /// Forgets a node of which nothing is left.
    pub fn forget_node(&self, cluster: &ClusterId, node: &NodeName) -> Result<(), LedgerError> {
        hit(Point::LedgerNodeForgetting);
        self.connection().execute(
            "DELETE FROM node WHERE cluster = ?1 AND node = ?2",
            params![cluster.as_str(), node.to_string()],
        )?;
        hit(Point::LedgerNodeForgotten);
        Ok(())
    }
}

/// Whether the file itself is damaged, or holds what cannot be read, rather than the disk or the permissions in the way.
fn is_damage(error: &LedgerError) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error {
        LedgerError::Open { source, .. } | LedgerError::Use(source) => {
            matches!(source.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
        }
        LedgerError::Document(_) => true,
        LedgerError::TooNew { .. } | LedgerError::Schema { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn record(pid: u32) -> NodeRecord {
        NodeRecord {
            cluster: "c-x7k2".parse().unwrap(),
            node: "worker-0001".parse().unwrap(),
            boot_id: "b".into(),
            container_id: Some("id".into()),
            pid,
            pid_start_ticks: 9,
            digest: "d".into(),
            incarnation: Incarnation(1),
            restarts: 0,
            started_at: UnixMillis(5),
            stop: Some(StopSpec { signal: 2, grace: Duration::from_secs(7) }),
        }
    }

    #[test]
    fn what_is_recorded_is_there_after_a_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let record_of = |written: &str, writing: Option<&str>| SysctlRecord {
            change: SysctlChange { key: "a.b".into(), original: "1".into(), written: written.into() },
            writing: writing.map(str::to_owned),
        };
        {
            let (ledger, aside) = Ledger::open(&path).unwrap();
            assert_eq!(aside, None);
            ledger.record_node(&record(1)).unwrap();
            ledger.record_node(&record(2)).unwrap();
            ledger.record_sysctl(&record_of("1", Some("2"))).unwrap();
            ledger.record_sysctl(&record_of("2", Some("3"))).unwrap();
        }
        let (ledger, _) = Ledger::open(&path).unwrap();
        assert_eq!(ledger.nodes().unwrap(), [record(2)]);
        let (cluster, node) = (record(2).cluster, record(2).node);
        let stop = StopSpec { signal: 3, grace: Duration::from_millis(1500) };
        ledger.record_stop(&cluster, &node, &stop).unwrap();
        let stranger = "worker-0009".parse().unwrap();
        ledger.record_stop(&cluster, &stranger, &stop).unwrap();
        let otherwise = NodeRecord { stop: Some(stop), ..record(2) };
        assert_eq!(ledger.node(&cluster, &node).unwrap(), Some(otherwise));
        assert_eq!(ledger.node(&cluster, &stranger).unwrap(), None);
        assert_eq!(ledger.sysctls().unwrap(), [record_of("2", Some("3"))]);
        ledger.record_sysctl(&record_of("3", None)).unwrap();
        assert_eq!(ledger.sysctls().unwrap(), [record_of("3", None)]);
        assert_eq!(ledger.spec().unwrap(), None);
    }

    #[test]
    fn a_record_of_an_older_agent_does_not_say_how_its_node_is_stopped() {
        let mut json = serde_json::to_value(record(1)).unwrap();
        json.as_object_mut().unwrap().remove("stop");
        let read: NodeRecord = serde_json::from_value(json).unwrap();
        assert_eq!(read, NodeRecord { stop: None, ..record(1) });
    }

    #[test]
    fn a_ledger_of_the_first_schema_is_brought_up_to_date_with_what_it_knows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let mut connection = Connection::open(&path).unwrap();
        Migrations::from_slice(&MIGRATIONS[..1]).to_latest(&mut connection).unwrap();
        connection.execute("INSERT INTO sysctl (key, original, written) VALUES ('a.b', '1', '2')", []).unwrap();
        drop(connection);
        let (ledger, aside) = Ledger::open(&path).unwrap();
        let change = SysctlChange { key: "a.b".into(), original: "1".into(), written: "2".into() };
        assert_eq!((ledger.sysctls().unwrap(), aside), (vec![SysctlRecord::of(change)], None));
    }

    #[test]
    fn a_ledger_of_a_later_agent_is_refused_with_both_versions_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        Ledger::open(&path).unwrap().0.record_node(&record(1)).unwrap();
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let error = Ledger::open(&path).unwrap_err().to_string();
        assert!(error.contains("schema 99") && error.contains(&format!("up to {SCHEMA}")), "{error}");
        Connection::open(&path).unwrap().pragma_update(None, "user_version", SCHEMA).unwrap();
        assert_eq!(Ledger::open(&path).unwrap().0.nodes().unwrap(), [record(1)]);
    }

    #[test]
    fn a_ledger_with_what_cannot_be_read_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let (ledger, aside) = Ledger::open(&path).unwrap();
        assert_eq!(aside, None);
        ledger.record_node(&record(7)).unwrap();
        let sql = "UPDATE node SET json = json_set(json, '$.started_at', 'of another version')";
        ledger.connection().execute(sql, []).unwrap();
        drop(ledger);
        let (ledger, aside) = Ledger::open(&path).unwrap();
        assert!(aside.is_some_and(|aside| aside.exists()));
        assert_eq!(ledger.nodes().unwrap(), []);
    }

    #[test]
    fn a_damaged_ledger_is_set_aside_and_a_new_one_begun() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        std::fs::write(&path, vec![7_u8; 8192]).unwrap();
        let (ledger, aside) = Ledger::open(&path).unwrap();
        assert!(aside.is_some_and(|aside| aside.exists()));
        assert_eq!(ledger.nodes().unwrap(), []);
    }
}
