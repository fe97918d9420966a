//! Who serves a unix socket.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

/// The process that listens on a unix socket, by connecting to it: with socket activation this is the activator.
///
/// None where the kernel does not show it (the server lies in another pid namespace).
pub fn peer_pid(socket: &Path) -> io::Result<Option<u32>> {
    let stream = UnixStream::connect(socket)?;
    let credentials = getsockopt(&stream, PeerCredentials)?;
    Ok(u32::try_from(credentials.pid()).ok().filter(|pid| *pid > 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn the_server_of_a_socket_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let _listener = UnixListener::bind(&path).unwrap();
        assert_eq!(peer_pid(&path).unwrap(), Some(std::process::id()));
    }
}
