//! The journal: what happened, in order. Only appended to; the oldest go when there are too many.

use rusqlite::{Connection, Row, params};
use throng_common::ids::ClusterId;
use throng_common::status::UnixMillis;
use throng_failpoints::{Point, hit, planted};
use tokio::sync::watch;

use super::rows::{decode, signed, time, unsigned};
use super::task::Fault;
use super::{Store, StoreError};

/// Events kept: at some 200 bytes each about 20 MB on disk.
pub const EVENTS_KEPT_MAX: u64 = 100_000;

/// Events read in one go, so that a reader never holds up those who write.
const PAGE_MAX_EVENTS: u32 = 1_000;

/// Something that happened, to be remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// When.
    pub at: UnixMillis,
    /// In which cluster; none: it concerns the fleet.
    pub cluster: Option<ClusterId>,
    /// Whom it concerns: a node, a host, a run.
    pub subject: String,
    /// Its kind, a word that programs can tell.
    pub kind: String,
    /// One line for people.
    pub message: String,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Its number: grows with every event, is never given twice.
    pub number: u64,
    /// What happened.
    pub event: NewEvent,
}

/// Which events are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only of this cluster; none: all.
    pub cluster: Option<ClusterId>,
    /// Only with this number or a higher one.
    pub from: u64,
}

/// A page of events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventPage {
    /// The events, oldest first.
    pub events: Vec<EventRecord>,
    /// Whether there may be more after the last of them.
    pub has_more: bool,
}

impl Store {
    /// Appends events in one transaction, and drops the oldest beyond [`EVENTS_KEPT_MAX`].
    pub async fn append_events(&self, events: Vec<NewEvent>) -> Result<(), StoreError> {
        let newest = self.write("append events", move |connection| Ok(append(connection, &events)?)).await?;
        if let Some(number) = newest {
            self.newest_event.send_if_modified(|known| {
                let newer = number > *known;
                *known = number.max(*known);
                newer
            });
        }
        Ok(())
    }

    /// A page of events, oldest first, at most 1,000. The next page begins after the last number of this one.
    pub async fn list_events(&self, filter: EventFilter) -> Result<EventPage, StoreError> {
        self.read("read events", move |connection| list(connection, &filter)).await
    }

    /// The number with which the newest `length` of these events begin.
    pub async fn tail_begins(&self, filter: EventFilter, length: u32) -> Result<u64, StoreError> {
        self.read("count events", move |connection| tail_begins(connection, &filter, length)).await
    }

    /// Changes whenever events were appended; holds the newest one's number, 0 before the first of this life.
    pub fn watch_events(&self) -> watch::Receiver<u64> {
        self.newest_event.subscribe()
    }
}

fn append(connection: &mut Connection, events: &[NewEvent]) -> rusqlite::Result<Option<u64>> {
    if planted(throng_failpoints::Fault::SkipEventsRecord) {
        return Ok(None);
    }
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction
            .prepare("INSERT INTO events (at, cluster, subject, kind, message) VALUES (?1, ?2, ?3, ?4, ?5)")?;
        for NewEvent { at, cluster, subject, kind, message } in events {
            insert.execute(params![signed(at.0), cluster.as_ref().map(ClusterId::as_str), subject, kind, message])?;
        }
    }
    let newest = transaction.last_insert_rowid();
    transaction.execute("DELETE FROM events WHERE number <= ?1", [newest - signed(EVENTS_KEPT_MAX)])?;
    hit(Point::JournalEventsWriting);
    transaction.commit()?;
    hit(Point::JournalEventsWritten);
    Ok((!events.is_empty()).then(|| unsigned(newest)))
}

fn list(connection: &Connection, filter: &EventFilter) -> Result<EventPage, Fault> {
    let mut statement = connection.prepare(
        "SELECT number, at, cluster, subject, kind, message FROM events
         WHERE number >= ?1 AND (?2 IS NULL OR cluster = ?2) ORDER BY number LIMIT ?3",
    )?;
    let cluster = filter.cluster.as_ref().map(ClusterId::as_str);
    let rows = statement.query_map(params![signed(filter.from), cluster, PAGE_MAX_EVENTS], |row| Ok(read(row)))?;
    let events = rows.map(|row| row?).collect::<Result<Vec<_>, Fault>>()?;
    let has_more = events.len() == PAGE_MAX_EVENTS as usize;
    Ok(EventPage { events, has_more })
}

fn tail_begins(connection: &Connection, filter: &EventFilter, length: u32) -> Result<u64, Fault> {
    let cluster = filter.cluster.as_ref().map(ClusterId::as_str);
    let first: Option<i64> = connection.query_row(
        "SELECT MIN(number) FROM (SELECT number FROM events
         WHERE number >= ?1 AND (?2 IS NULL OR cluster = ?2) ORDER BY number DESC LIMIT ?3)",
        params![signed(filter.from), cluster, length],
        |row| row.get(0),
    )?;
    Ok(first.map_or(filter.from, unsigned))
}

fn read(row: &Row<'_>) -> Result<EventRecord, Fault> {
    let number = unsigned(row.get(0)?);
    let cluster: Option<String> = row.get(2)?;
    let event = NewEvent {
        at: time(row.get(1)?),
        cluster: decode("events", &number.to_string(), cluster.map(ClusterId::new).transpose())?,
        subject: row.get(3)?,
        kind: row.get(4)?,
        message: row.get(5)?,
    };
    Ok(EventRecord { number, event })
}
