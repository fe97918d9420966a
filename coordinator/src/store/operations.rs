//! The operations that are under way. One that has ended is forgotten.

use rusqlite::{Row, params};
use throng_common::ids::{ClusterId, OperationId};
use throng_common::status::UnixMillis;
use throng_failpoints::{Point, hit};

use super::rows::{decode, signed, time};
use super::task::Fault;
use super::{Store, StoreError};

/// An operation that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationRecord {
    /// Its id.
    pub operation: OperationId,
    /// The cluster that it is about; none: what no cluster owns.
    pub cluster: Option<ClusterId>,
    /// Since when.
    pub started: UnixMillis,
    /// What was asked for, a JSON document.
    pub wish_json: String,
    /// Whether it was asked to stop.
    pub cancelled: bool,
}

impl Store {
    /// Remembers that an operation is under way.
    pub async fn save_operation(&self, record: OperationRecord) -> Result<(), StoreError> {
        self.write("save an operation", move |connection| {
            hit(Point::JournalOperationWriting);
            connection.execute(
                "INSERT OR REPLACE INTO operations (operation, cluster, started, wish, cancelled)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    record.operation.as_str(),
                    record.cluster.as_ref().map(ClusterId::as_str),
                    signed(record.started.0),
                    record.wish_json,
                    record.cancelled,
                ],
            )?;
            hit(Point::JournalOperationWritten);
            Ok(())
        })
        .await
    }

    /// Remembers that an operation was asked to stop.
    pub async fn cancel_operation(&self, operation: OperationId) -> Result<(), StoreError> {
        self.write("note that an operation is to stop", move |connection| {
            hit(Point::JournalCancelWriting);
            connection.execute("UPDATE operations SET cancelled = 1 WHERE operation = ?1", [operation.as_str()])?;
            hit(Point::JournalCancelWritten);
            Ok(())
        })
        .await
    }

    /// All that are under way, oldest first.
    pub async fn list_operations(&self) -> Result<Vec<OperationRecord>, StoreError> {
        self.read("list operations", |connection| {
            let sql = "SELECT operation, cluster, started, wish, cancelled FROM operations ORDER BY started, operation";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([], |row| Ok(read(row)))?;
            rows.map(|row| row?).collect()
        })
        .await
    }

    /// Forgets an operation. Forgetting an unknown one is no error.
    pub async fn delete_operation(&self, operation: OperationId) -> Result<(), StoreError> {
        self.write("forget an operation", move |connection| {
            hit(Point::JournalOperationForgetting);
            connection.execute("DELETE FROM operations WHERE operation = ?1", [operation.as_str()])?;
            hit(Point::JournalOperationForgotten);
            Ok(())
        })
        .await
    }
}

fn read(row: &Row<'_>) -> Result<OperationRecord, Fault> {
    let operation: String = row.get(0)?;
    let cluster: Option<String> = row.get(1)?;
    Ok(OperationRecord {
        cluster: cluster.map(|id| decode("operations", &operation, ClusterId::new(id))).transpose()?,
        operation: decode("operations", &operation, OperationId::new(operation.clone()))?,
        started: time(row.get(2)?),
        wish_json: row.get(3)?,
        cancelled: row.get(4)?,
    })
}
