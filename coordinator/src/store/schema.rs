//! The tables, as a list of migrations. Once released, a migration is never edited: changes are appended.

use rusqlite_migration::{M, Migrations};

/// The newest schema's number: that of the migrations below.
pub const SCHEMA_VERSION: usize = MIGRATIONS.len();

const MIGRATIONS: &[M<'static>] = &[M::up(FIRST), M::up(OPERATIONS), M::up(CLUSTER_RECORDS)];

/// All migrations, oldest first.
pub(super) const fn migrations() -> Migrations<'static> {
    Migrations::from_slice(MIGRATIONS)
}

/// Times are milliseconds since 1970 UTC; what only throng itself reads back as a whole is JSON.
const FIRST: &str = "
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE hosts (
    host               TEXT PRIMARY KEY,
    hostname           TEXT NOT NULL,
    address            TEXT NOT NULL,
    certificate_serial TEXT NOT NULL,
    first_seen         INTEGER NOT NULL,
    last_enrolled      INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
    hash      BLOB PRIMARY KEY CHECK (length(hash) = 32),
    host      TEXT,
    uses_left INTEGER NOT NULL CHECK (uses_left >= 0),
    created   INTEGER NOT NULL,
    expires   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE operators (
    serial  TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    role    TEXT NOT NULL,
    issued  INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT;

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

CREATE TABLE events (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    cluster TEXT,
    subject TEXT NOT NULL,
    kind    TEXT NOT NULL,
    message TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_cluster ON events (cluster, number);

CREATE TABLE runs (
    run            TEXT PRIMARY KEY,
    cluster        TEXT NOT NULL,
    scenario       TEXT NOT NULL,
    outcome        TEXT NOT NULL,
    started        INTEGER NOT NULL,
    took_millis    INTEGER NOT NULL,
    passed         INTEGER NOT NULL,
    failed         INTEGER NOT NULL,
    known_failures INTEGER NOT NULL,
    artefacts      TEXT NOT NULL
) STRICT;
CREATE INDEX runs_by_start ON runs (started);

CREATE TABLE generations (
    host       TEXT PRIMARY KEY,
    generation INTEGER NOT NULL
) STRICT;
";

/// What is under way, so that the next life goes on with it.
const OPERATIONS: &str = "
CREATE TABLE operations (
    operation TEXT PRIMARY KEY,
    cluster   TEXT,
    started   INTEGER NOT NULL,
    wish      TEXT NOT NULL,
    cancelled INTEGER NOT NULL DEFAULT 0
) STRICT;
";

/// A cluster is remembered as one document: of what stood beside it nothing was ever read.
const CLUSTER_RECORDS: &str = "
ALTER TABLE clusters DROP COLUMN scenario;
ALTER TABLE clusters DROP COLUMN state;
ALTER TABLE clusters DROP COLUMN bundle;
ALTER TABLE clusters DROP COLUMN counts;
ALTER TABLE clusters DROP COLUMN incarnations;
ALTER TABLE clusters DROP COLUMN sysctl_originals;
ALTER TABLE clusters RENAME COLUMN plan TO record;
";

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn every_migration_applies_to_an_empty_database() {
        migrations().validate().unwrap();
    }

    #[test]
    fn clusters_of_an_older_schema_are_still_known() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrations().to_version(&mut connection, 2).unwrap();
        let row = "INSERT INTO clusters VALUES ('redis-x7k2', 'redis', 'up', 3, x'00', '{}', '[]', '[]', '[]')";
        connection.execute(row, []).unwrap();
        migrations().to_latest(&mut connection).unwrap();
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let known: (String, i64, String) = connection.query_row("SELECT * FROM clusters", [], read).unwrap();
        assert_eq!(known, ("redis-x7k2".to_owned(), 3, "{}".to_owned()));
    }
}
