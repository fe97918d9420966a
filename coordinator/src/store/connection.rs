//! Opening the database: checked, brought up to date, and set so that what was committed survives a power cut.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::SchemaVersion;

use super::StoreError;
use super::schema::{SCHEMA_VERSION, migrations};

/// How long a statement waits for another process that reads the file (a person with `sqlite3`).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The database file can hold secrets' hashes and scenarios: its owner's only.
const DATABASE_MODE: u32 = 0o600;

/// Opens or creates the database.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::Open { path: path.to_owned(), source };
    create_private(path);
    let mut connection = Connection::open(path).map_err(failed)?;
    set_pragmas(&connection).map_err(failed)?;
    check(&connection, path)?;
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// Opens the database, which is there and up to date, a second time, for what only reads.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::Open { path: path.to_owned(), source };
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    connection.execute_batch("PRAGMA trusted_schema = OFF;").map_err(failed)?;
    // It opens the log beside the database with the first look, and that must be this one's.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(failed)?;
    Ok(connection)
}

/// Creates the file with narrow permissions before SQLite would with wide ones. A failure shows when SQLite opens it.
fn create_private(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt as _;
    drop(std::fs::OpenOptions::new().append(true).create(true).mode(DATABASE_MODE).open(path));
}

fn set_pragmas(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Answers with the mode that was set, hence a query.
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;")
}

fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Open { path: path.to_owned(), source };
    let finding: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if finding == "ok" { Ok(()) } else { Err(StoreError::Damaged { path: path.to_owned(), finding }) }
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Migrate { path: path.to_owned(), known: SCHEMA_VERSION, source };
    match migrations().current_version(connection).map_err(failed)? {
        SchemaVersion::Outside(found) => {
            Err(StoreError::TooNew { path: path.to_owned(), found: found.get(), known: SCHEMA_VERSION })
        }
        SchemaVersion::NoneSet | SchemaVersion::Inside(_) => migrations().to_latest(connection).map_err(failed),
    }
}
