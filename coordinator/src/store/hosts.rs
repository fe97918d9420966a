//! The hosts that ever joined.

use rusqlite::{OptionalExtension as _, Row, params};
use throng_common::ids::HostId;
use throng_common::status::UnixMillis;
use throng_failpoints::{Point, hit};

use super::rows::{decode, signed, time};
use super::task::Fault;
use super::{Store, StoreError};

const COLUMNS: &str = "host, hostname, address, certificate_serial, first_seen, last_enrolled";

/// A host that joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRecord {
    /// Its id.
    pub host: HostId,
    /// The machine's own name, for people.
    pub hostname: String,
    /// The address that it joined from; empty where unknown.
    pub address: String,
    /// Serial of its newest certificate, in hex.
    pub certificate_serial: String,
    /// When it first joined.
    pub first_seen: UnixMillis,
    /// When it got its newest certificate.
    pub last_enrolled: UnixMillis,
}

impl Store {
    /// Remembers a host, or what changed of it; `first_seen` of a known one stays.
    pub async fn save_host(&self, record: HostRecord) -> Result<(), StoreError> {
        self.write("save a host", move |connection| {
            let sql = "INSERT INTO hosts (host, hostname, address, certificate_serial, first_seen, last_enrolled)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                       ON CONFLICT (host) DO UPDATE SET hostname = excluded.hostname, address = excluded.address,
                       certificate_serial = excluded.certificate_serial, last_enrolled = excluded.last_enrolled";
            let HostRecord { host, hostname, address, certificate_serial, first_seen, last_enrolled } = record;
            hit(Point::JournalHostWriting);
            connection.execute(
                sql,
                params![
                    host.as_str(),
                    hostname,
                    address,
                    certificate_serial,
                    signed(first_seen.0),
                    signed(last_enrolled.0)
                ],
            )?;
            hit(Point::JournalHostWritten);
            Ok(())
        })
        .await
    }

    /// One host; none when it never joined.
    pub async fn host(&self, host: HostId) -> Result<Option<HostRecord>, StoreError> {
        self.read("read a host", move |connection| {
            let sql = format!("SELECT {COLUMNS} FROM hosts WHERE host = ?1");
            let row = connection.query_row(&sql, [host.as_str()], |row| Ok(read(row))).optional()?;
            row.transpose()
        })
        .await
    }

    /// All hosts by id.
    pub async fn list_hosts(&self) -> Result<Vec<HostRecord>, StoreError> {
        self.read("list hosts", |connection| {
            let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM hosts ORDER BY host"))?;
            let rows = statement.query_map([], |row| Ok(read(row)))?;
            rows.map(|row| row?).collect()
        })
        .await
    }

    /// Forgets a host: its certificate no longer gets it in. Forgetting an unknown one is no error.
    pub async fn delete_host(&self, host: HostId) -> Result<(), StoreError> {
        self.write("forget a host", move |connection| {
            connection.execute("DELETE FROM hosts WHERE host = ?1", [host.as_str()])?;
            Ok(())
        })
        .await
    }
}

fn read(row: &Row<'_>) -> Result<HostRecord, Fault> {
    let host: String = row.get(0)?;
    Ok(HostRecord {
        host: decode("hosts", &host, HostId::new(host.clone()))?,
        hostname: row.get(1)?,
        address: row.get(2)?,
        certificate_serial: row.get(3)?,
        first_seen: time(row.get(4)?),
        last_enrolled: time(row.get(5)?),
    })
}
