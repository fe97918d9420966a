//! What was changed, written down a second time below the run directory.
//!
//! A setting bears no mark of who wrote it. Where the ledger is lost and no coordinator remembers, this says what was
//! there before: it ends with the boot, as the settings do.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::record::SysctlRecord;

/// The file's content.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// The boot in which the settings were written: a run directory on disk outlives it, they do not.
    boot_id: String,
    changes: Vec<SysctlRecord>,
}

/// Writes the note: whoever reads it sees the old one or the new one. With nothing to remember there is none.
pub fn write(path: &Path, boot_id: &str, changes: Vec<SysctlRecord>) -> io::Result<()> {
    if changes.is_empty() {
        return match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    let unfinished = path.with_added_extension("new");
    fs::write(&unfinished, serde_json::to_vec(&Note { boot_id: boot_id.to_owned(), changes })?)?;
    fs::rename(unfinished, path)
}

/// What was changed in this boot and not put back; nothing where there is no note, or none that can be read.
pub fn read(path: &Path, boot_id: &str) -> Vec<SysctlRecord> {
    let note: Option<Note> = fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok());
    note.filter(|note| note.boot_id == boot_id).map(|note| note.changes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use throng_common::status::SysctlChange;

    use super::*;

    #[test]
    fn a_note_is_of_one_boot_and_gone_when_there_is_nothing_to_remember() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        let change =
            SysctlChange { key: "kernel.pid_max".to_owned(), original: "1".to_owned(), written: "2".to_owned() };
        let change = SysctlRecord { change, writing: Some("3".to_owned()) };
        write(&path, "now", vec![change.clone()]).unwrap();
        assert_eq!(read(&path, "now"), [change]);
        assert_eq!(read(&path, "another"), []);
        for _ in 0..2 {
            write(&path, "now", Vec::new()).unwrap();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }
        fs::write(&path, "{").unwrap();
        assert_eq!(read(&path, "now"), []);
    }
}
