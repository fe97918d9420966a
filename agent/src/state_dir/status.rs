//! The status file: what a daemon says of itself to whoever starts it.

use std::fs;
use std::io;

use serde::{Deserialize, Serialize};
use throng_common::ca_pin::CaPin;
use throng_common::ids::HostId;

use crate::paths::Paths;

/// Where a daemon stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// Its process id: a file that names another one is of an earlier life.
    pub pid: u32,
    /// Its coordinator's address.
    pub coordinator: String,
    /// The pin of its fleet's CA.
    pub ca_pin: CaPin,
    /// Its host.
    pub host: HostId,
    /// Whether its coordinator has said hello on the connection that stands now.
    pub connected: bool,
    /// Why it is not connected, where that is known.
    pub problem: Option<String>,
}

/// Writes the file: whoever reads it sees the old one or the new one.
pub fn write(paths: &Paths, status: &DaemonStatus) -> io::Result<()> {
    let unfinished = paths.status().with_added_extension("new");
    fs::write(&unfinished, serde_json::to_vec(status)?)?;
    fs::rename(unfinished, paths.status())
}

/// Reads the file; none where there is none, or none that can be read.
pub fn read(paths: &Paths) -> Option<DaemonStatus> {
    serde_json::from_slice(&fs::read(paths.status()).ok()?).ok()
}

/// Removes the file.
pub fn remove(paths: &Paths) {
    // One that stays names a process that is gone: it is not believed.
    let _ = fs::remove_file(paths.status());
}
