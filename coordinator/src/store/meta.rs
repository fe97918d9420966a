//! The fleet's id and the coordinator's life.

use rusqlite::{Connection, OptionalExtension as _, params};
use throng_common::ids::{Epoch, FleetId, random_suffix};
use throng_failpoints::{Point, hit};

use super::rows::decode;
use super::task::Fault;
use super::{Store, StoreError};

const FLEET: &str = "fleet";
const EPOCH: &str = "epoch";

/// Letters of a new fleet's id after `fleet-`: 27^8 ids, so that two fleets on one machine never share one.
const FLEET_SUFFIX_LETTERS: usize = 8;

/// Which fleet this coordinator has, and its how-many-th life this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// Chosen at the first start and kept.
    pub fleet: FleetId,
    /// Raised by every call of [`Store::begin_life`].
    pub epoch: Epoch,
}

impl Store {
    /// Begins a life of the coordinator: raises the epoch. Call it once at every start, before agents are let in.
    pub async fn begin_life(&self) -> Result<Life, StoreError> {
        self.run("begin a new epoch", |connection| {
            let transaction = connection.transaction()?;
            let life = raise(&transaction)?;
            hit(Point::JournalLifeWriting);
            transaction.commit()?;
            hit(Point::JournalLifeWritten);
            Ok(life)
        })
        .await
    }
}

fn raise(connection: &Connection) -> Result<Life, Fault> {
    let fleet = match get(connection, FLEET)? {
        Some(text) => decode("meta", FLEET, FleetId::new(text))?,
        None => decode("meta", FLEET, FleetId::new(format!("fleet-{}", random_suffix(FLEET_SUFFIX_LETTERS))))?,
    };
    let before: u64 = match get(connection, EPOCH)? {
        Some(text) => decode("meta", EPOCH, text.parse())?,
        None => 0,
    };
    let epoch = Epoch(before).next();
    set(connection, FLEET, fleet.as_str())?;
    set(connection, EPOCH, &epoch.to_string())?;
    Ok(Life { fleet, epoch })
}

fn get(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional()
}

fn set(connection: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    connection.execute(sql, params![key, value]).map(drop)
}
