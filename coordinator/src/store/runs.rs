//! The runs: what was executed, with what outcome, and where its artefacts lie.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::{OptionalExtension as _, Row, params};
use throng_common::ids::{ClusterId, RunId};
use throng_common::status::UnixMillis;
use throng_failpoints::{Point, hit};

use super::rows::{decode, signed, time, unsigned};
use super::task::Fault;
use super::{Store, StoreError};

const COLUMNS: &str =
    "run, cluster, scenario, outcome, started, took_millis, passed, failed, known_failures, artefacts";

/// Runs listed in one go, newest first.
const LIST_MAX_RUNS: u32 = 1_000;

/// How many tests ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Passed.
    pub passed: u32,
    /// Failed.
    pub failed: u32,
    /// Failed as was expected.
    pub known_failures: u32,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// Its id.
    pub run: RunId,
    /// The cluster that it ran on.
    pub cluster: ClusterId,
    /// The scenario's name.
    pub scenario: String,
    /// How it ended, or that it has not yet, in the suite's own words.
    pub outcome: String,
    /// When it began.
    pub started: UnixMillis,
    /// How long it took.
    pub took: Duration,
    /// Its tests.
    pub counts: RunCounts,
    /// The folder of its artefacts.
    pub artefacts: PathBuf,
}

impl Store {
    /// Remembers a run as a whole, in the place of what was known of it.
    pub async fn save_run(&self, record: RunRecord) -> Result<(), StoreError> {
        self.write("save a run", move |connection| {
            let sql =
                format!("INSERT OR REPLACE INTO runs ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
            hit(Point::JournalRunWriting);
            connection.execute(
                &sql,
                params![
                    record.run.as_str(),
                    record.cluster.as_str(),
                    record.scenario,
                    record.outcome,
                    signed(record.started.0),
                    signed(u64::try_from(record.took.as_millis()).unwrap_or(u64::MAX)),
                    record.counts.passed,
                    record.counts.failed,
                    record.counts.known_failures,
                    record.artefacts.to_string_lossy(),
                ],
            )?;
            hit(Point::JournalRunWritten);
            Ok(())
        })
        .await
    }

    /// One run; none asks for the newest.
    pub async fn run_record(&self, run: Option<RunId>) -> Result<Option<RunRecord>, StoreError> {
        self.read("read a run", move |connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM runs WHERE ?1 IS NULL OR run = ?1 ORDER BY started DESC, run DESC LIMIT 1"
            );
            let wanted = run.as_ref().map(RunId::as_str);
            let row = connection.query_row(&sql, [wanted], |row| Ok(read(row))).optional()?;
            row.transpose()
        })
        .await
    }

    /// The newest runs, newest first, at most 1,000.
    pub async fn list_runs(&self) -> Result<Vec<RunRecord>, StoreError> {
        self.read("list runs", |connection| {
            let sql = format!("SELECT {COLUMNS} FROM runs ORDER BY started DESC, run DESC LIMIT ?1");
            let mut statement = connection.prepare(&sql)?;
            let rows = statement.query_map([LIST_MAX_RUNS], |row| Ok(read(row)))?;
            rows.map(|row| row?).collect()
        })
        .await
    }
}

fn read(row: &Row<'_>) -> Result<RunRecord, Fault> {
    let run: String = row.get(0)?;
    let cluster: String = row.get(1)?;
    Ok(RunRecord {
        cluster: decode("runs", &run, ClusterId::new(cluster))?,
        run: decode("runs", &run, RunId::new(run.clone()))?,
        scenario: row.get(2)?,
        outcome: row.get(3)?,
        started: time(row.get(4)?),
        took: Duration::from_millis(unsigned(row.get(5)?)),
        counts: RunCounts { passed: row.get(6)?, failed: row.get(7)?, known_failures: row.get(8)? },
        artefacts: PathBuf::from(row.get::<_, String>(9)?),
    })
}
