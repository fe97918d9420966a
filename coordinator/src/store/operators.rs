//! The certificates given to operators and viewers. One that is not here is good for nothing.

use rusqlite::{Row, params};
use throng_common::status::UnixMillis;
use throng_failpoints::{Point, hit};

use super::rows::{signed, time};
use super::{Store, StoreError};

/// A certificate given to a person or a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorRecord {
    /// The certificate's serial, in hex.
    pub serial: String,
    /// Whose.
    pub name: String,
    /// `operator` or `viewer`.
    pub role: String,
    /// When it was issued.
    pub issued: UnixMillis,
    /// When it ends.
    pub expires: UnixMillis,
}

impl Store {
    /// Remembers that a certificate was issued.
    pub async fn save_operator(&self, record: OperatorRecord) -> Result<(), StoreError> {
        self.write("record an operator's certificate", move |connection| {
            hit(Point::JournalOperatorWriting);
            connection.execute(
                "INSERT INTO operators (serial, name, role, issued, expires) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![record.serial, record.name, record.role, signed(record.issued.0), signed(record.expires.0)],
            )?;
            hit(Point::JournalOperatorWritten);
            Ok(())
        })
        .await
    }

    /// All certificates issued, newest first.
    pub async fn list_operators(&self) -> Result<Vec<OperatorRecord>, StoreError> {
        self.read("list operators", |connection| {
            let sql = "SELECT serial, name, role, issued, expires FROM operators ORDER BY issued DESC, serial";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Forgets the certificates of this name, or of them the one of this serial; those that were forgotten.
    pub async fn remove_operators(
        &self,
        name: String,
        serial: Option<String>,
    ) -> Result<Vec<OperatorRecord>, StoreError> {
        self.write("withdraw an operator's certificates", move |connection| {
            let sql = "DELETE FROM operators WHERE name = ?1 AND (?2 IS NULL OR serial = ?2)
                       RETURNING serial, name, role, issued, expires";
            let mut statement = connection.prepare(sql)?;
            hit(Point::JournalOperatorForgetting);
            let removed = statement.query_map(params![name, serial], read)?.collect::<Result<_, _>>()?;
            hit(Point::JournalOperatorForgotten);
            Ok(removed)
        })
        .await
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<OperatorRecord> {
    Ok(OperatorRecord {
        serial: row.get(0)?,
        name: row.get(1)?,
        role: row.get(2)?,
        issued: time(row.get(3)?),
        expires: time(row.get(4)?),
    })
}
