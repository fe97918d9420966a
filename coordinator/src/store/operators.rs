//! The certificates given to operators and viewers, for the record.

use rusqlite::params;
use throng_common::status::UnixMillis;

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
        self.run("record an operator's certificate", move |connection| {
            connection.execute(
                "INSERT INTO operators (serial, name, role, issued, expires) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![record.serial, record.name, record.role, signed(record.issued.0), signed(record.expires.0)],
            )?;
            Ok(())
        })
        .await
    }

    /// All certificates issued, newest first.
    pub async fn list_operators(&self) -> Result<Vec<OperatorRecord>, StoreError> {
        self.run("list operators", |connection| {
            let sql = "SELECT serial, name, role, issued, expires FROM operators ORDER BY issued DESC, serial";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([], |row| {
                Ok(OperatorRecord {
                    serial: row.get(0)?,
                    name: row.get(1)?,
                    role: row.get(2)?,
                    issued: time(row.get(3)?),
                    expires: time(row.get(4)?),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}
