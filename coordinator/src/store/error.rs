//! What can go wrong with the store.

use std::path::PathBuf;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file could not be opened as a database.
    #[error("cannot open database `{}`", path.display())]
    Open {
        /// The database.
        path: PathBuf,
        /// The cause.
        source: rusqlite::Error,
    },
    /// SQLite found its own structures damaged.
    #[error("database `{}` is damaged ({finding}); move it away together with its -wal and -shm files to begin anew",
            path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// The first finding of `PRAGMA quick_check`.
        finding: String,
    },
    /// A damaged file could not be moved out of the way.
    #[error("cannot set the damaged database `{}` aside", path.display())]
    SetAside {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// It was written by a newer throng.
    #[error("database `{}` has schema {found}, this throng knows up to {known}; use the newer throng, or another \
             --state-dir", path.display())]
    TooNew {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: usize,
        /// Ours.
        known: usize,
    },
    /// The schema could not be brought up to date.
    #[error("cannot bring database `{}` to schema {known}", path.display())]
    Migrate {
        /// The database.
        path: PathBuf,
        /// Ours.
        known: usize,
        /// The cause.
        source: rusqlite_migration::Error,
    },
    /// The thread that owns the database could not be started.
    #[error("cannot start the database's thread")]
    Thread(#[source] std::io::Error),
    /// A statement failed.
    #[error("database: cannot {operation}")]
    Statement {
        /// What was being done.
        operation: &'static str,
        /// The cause.
        source: rusqlite::Error,
    },
    /// What is stored cannot be understood.
    #[error("database: {table} of `{subject}` cannot be read: {reason}")]
    Decode {
        /// The table.
        table: &'static str,
        /// The row.
        subject: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The coordinator is ending, or the database's thread panicked.
    #[error("database: {operation} was refused because the store is closed")]
    Closed {
        /// What was to be done.
        operation: &'static str,
    },
}

impl StoreError {
    /// Whether the disk that the database lies on is full.
    pub fn is_full(&self) -> bool {
        let Self::Statement { source, .. } = self else { return false };
        source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
    }
}
