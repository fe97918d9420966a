//! A damaged database is set aside and a new one begun: what is on the hosts can be taken down without it.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use throng_common::status::UnixMillis;

use super::{Store, StoreError};

/// The files that a database in WAL mode consists of, by the ends of their names.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];

impl Store {
    /// Opens the database, or creates it. A damaged one is set aside under a name that says so, and given back; one of a
    /// newer schema is refused, as is one that the disk or its permissions keep from being read.
    pub fn open_or_set_aside(path: &Path, now: UnixMillis) -> Result<(Self, Option<PathBuf>), StoreError> {
        match Self::open(path) {
            Err(error) if error.is_damage() => {
                let aside = set_aside(path, now)?;
                Self::open(path).map(|store| (store, Some(aside)))
            }
            opened => opened.map(|store| (store, None)),
        }
    }
}

/// All parts together: a log without its database must not be replayed into the next one.
fn set_aside(path: &Path, now: UnixMillis) -> Result<PathBuf, StoreError> {
    let aside = PathBuf::from(format!("{}.damaged-{}", path.display(), now.0 / 1000));
    for part in PARTS {
        let from = PathBuf::from(format!("{}{part}", path.display()));
        let to = PathBuf::from(format!("{}{part}", aside.display()));
        match std::fs::rename(&from, to) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::SetAside { path: from, source: error });
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(aside)
}

impl StoreError {
    /// Whether the file itself is damaged, rather than the disk or the permissions in the way.
    fn is_damage(&self) -> bool {
        let by_code = |error: &rusqlite::Error| {
            matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        };
        match self {
            Self::Damaged { .. } => true,
            Self::Open { source, .. } | Self::Statement { source, .. } => by_code(source),
            Self::TooNew { .. }
            | Self::Migrate { .. }
            | Self::SetAside { .. }
            | Self::Thread(_)
            | Self::Decode { .. }
            | Self::Closed { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_500);

    /// A database with rows in it, damaged by this.
    fn damaged(by: impl Fn(&Path)) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("throng.db");
        let connection = super::super::connection::open(&path).unwrap();
        let sql = "INSERT INTO events (at, subject, kind, message)
                   WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
                   SELECT i, 'x', 'y', hex(randomblob(100)) FROM n";
        connection.execute(sql, []).unwrap();
        drop(connection);
        by(&path);
        (folder, path)
    }

    #[test]
    fn a_database_torn_in_the_middle_truncated_or_overwritten_is_set_aside_and_a_new_one_begun() {
        let tear = |path: &Path| {
            let mut bytes = std::fs::read(path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle..middle + 16_384].fill(0xa5);
            std::fs::write(path, bytes).unwrap();
        };
        let truncate = |path: &Path| {
            let length = path.metadata().unwrap().len();
            std::fs::File::options().write(true).open(path).unwrap().set_len(length / 3 + 77).unwrap();
        };
        let overwrite = |path: &Path| std::fs::write(path, vec![7_u8; 8192]).unwrap();
        let damages: [&dyn Fn(&Path); 3] = [&tear, &truncate, &overwrite];
        for by in damages {
            let (folder, path) = damaged(by);
            let before = std::fs::read(&path).unwrap();
            let (_store, aside) = Store::open_or_set_aside(&path, NOW).unwrap();
            let aside = aside.expect("it is damaged");
            assert_eq!(aside, folder.path().join("throng.db.damaged-1700000000"));
            assert_eq!(std::fs::read(&aside).unwrap(), before, "kept for whoever wants to mend it");
            assert_eq!(Store::open_or_set_aside(&path, NOW).unwrap().1, None, "the new one is sound");
        }
    }

    #[test]
    fn a_sound_one_and_one_of_a_newer_schema_stay_where_they_are() {
        let (_folder, path) = damaged(|_| {});
        assert_eq!(Store::open_or_set_aside(&path, NOW).unwrap().1, None);
        rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(Store::open_or_set_aside(&path, NOW), Err(StoreError::TooNew { found: 99, .. })));
        assert!(path.exists());
    }
}
