//! The unix socket of the local command line.

use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;

use nix::unistd::geteuid;
use tokio::net::{UnixListener, UnixStream};

use super::ListenerError;
use crate::authz::Caller;
use crate::paths::StateDir;

/// Only its owner may connect; root may anyway.
const SOCKET_MODE: u32 = 0o600;

/// Makes the socket. One left by a coordinator that was killed is replaced: whoever holds the state directory's lock
/// is the only coordinator there is.
pub(super) fn bind(state: &StateDir) -> Result<UnixListener, ListenerError> {
    let path = state.socket();
    let failed = |source| ListenerError::Socket { path: path.clone(), source };
    match std::fs::remove_file(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(source) => return Err(failed(source)),
    }
    // Until its mode is set, the state directory's own (0700) keeps others out.
    let listener = UnixListener::bind(&path).map_err(failed)?;
    std::fs::set_permissions(&path, Permissions::from_mode(SOCKET_MODE)).map_err(failed)?;
    Ok(listener)
}

/// Who connected, by the kernel's word; none when it is neither the coordinator's user nor root.
pub(super) fn caller(stream: &UnixStream) -> io::Result<Option<Caller>> {
    let uid = stream.peer_cred()?.uid();
    Ok(admits(uid, geteuid().as_raw()).then(|| Caller::local(uid)))
}

/// Whether the socket of a coordinator of user `own` admits user `uid`.
fn admits(uid: u32, own: u32) -> bool {
    uid == own || uid == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_admits_the_coordinator_s_user_and_root_only() {
        assert!(admits(1000, 1000) && admits(0, 1000) && admits(0, 0));
        assert!(!admits(1001, 1000) && !admits(1000, 0));
    }
}
