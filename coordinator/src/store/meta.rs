//! The fleet's id and the coordinator's life.

use rusqlite::{Connection, OptionalExtension as _, params};
use throng_common::ids::{Epoch, FleetId, random_suffix};
use throng_common::status::UnixMillis;
use throng_failpoints::{Point, hit};

use super::rows::decode;
use super::task::Fault;
use super::{Store, StoreError};

const FLEET: &str = "fleet";
const EPOCH: &str = "epoch";
/// When the journal was begun anew for a fleet that was there before, in milliseconds.
const REBUILT: &str = "rebuilt";

/// Letters of a new fleet's id after `fleet-`: 27^8 ids, so that two fleets on one machine never share one.
const FLEET_SUFFIX_LETTERS: usize = 8;

/// Which fleet this coordinator has, and its how-many-th life this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// Chosen at the first start and kept.
    pub fleet: FleetId,
    /// Raised by every call of [`Store::begin_life`].
    pub epoch: Epoch,
    /// Whether this journal was begun after an older one of the same fleet was lost: it does not know the fleet's hosts
    /// and clusters of before.
    pub rebuilt: bool,
    /// Whether it was begun just now.
    pub is_new: bool,
}

impl Store {
    /// Begins a life of the coordinator: raises the epoch. Call it once at every start, before agents are let in.
    ///
    /// `known` is the fleet by the word of its certificate authority, which a lost journal outlives. Its hosts have seen
    /// older epochs, also those that a lost or damaged journal does not know any more: so an epoch is at least the seconds
    /// since 1970 of its begin, which no count of starts reaches.
    pub async fn begin_life(&self, known: Option<FleetId>, now: UnixMillis) -> Result<Life, StoreError> {
        self.write("begin a new epoch", move |connection| {
            let transaction = connection.transaction()?;
            let life = raise(&transaction, known, now)?;
            hit(Point::JournalLifeWriting);
            transaction.commit()?;
            hit(Point::JournalLifeWritten);
            Ok(life)
        })
        .await
    }
}

fn raise(connection: &Connection, known: Option<FleetId>, now: UnixMillis) -> Result<Life, Fault> {
    let kept = get(connection, FLEET)?.map(|text| decode("meta", FLEET, FleetId::new(text))).transpose()?;
    let is_new = kept.is_none();
    if is_new && known.is_some() {
        set(connection, REBUILT, &now.0.to_string())?;
    }
    let rebuilt = get(connection, REBUILT)?.is_some();
    let before: u64 = match get(connection, EPOCH)? {
        Some(text) => decode("meta", EPOCH, text.parse())?,
        None => 0,
    };
    let fleet = match kept.or(known) {
        Some(fleet) => fleet,
        None => decode("meta", FLEET, FleetId::new(format!("fleet-{}", random_suffix(FLEET_SUFFIX_LETTERS))))?,
    };
    let epoch = Epoch(before).next().max(Epoch(now.0 / 1000));
    set(connection, FLEET, fleet.as_str())?;
    set(connection, EPOCH, &epoch.to_string())?;
    Ok(Life { fleet, epoch, rebuilt, is_new })
}

fn get(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional()
}

fn set(connection: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    connection.execute(sql, params![key, value]).map(drop)
}
