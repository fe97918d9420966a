//! Which process is the container engine: its limits bound what containers can be given.

use std::path::Path;

use crate::host::procs::peer::peer_pid;
use crate::host::procs::table::Procs;

/// Programs that serve an engine's socket.
const ENGINES: [&str; 2] = ["dockerd", "podman"];

/// The engine's process: the one at the other end of its socket. Where that is an activator (systemd), the engine's
/// program is looked for by name.
pub fn engine_pid(procs: &Procs, socket: &Path) -> Option<u32> {
    let peer = peer_pid(socket).ok().flatten();
    let is_engine = |pid: &u32| procs.comm(*pid).is_ok_and(|comm| ENGINES.contains(&comm.as_str()));
    match peer {
        Some(pid) if pid != 1 => Some(pid),
        Some(_) | None => procs.pids().ok()?.into_iter().find(is_engine),
    }
}
