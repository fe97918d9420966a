//! The TLS port: chosen once, then kept, because agents know the coordinator by its address.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

use super::ListenerError;
use crate::paths::{StateDir, write_private};

/// Connections that wait to be accepted: a whole fleet dials at once when a coordinator comes back. The kernel's own
/// bound is `net.core.somaxconn`.
const BACKLOG: u32 = 4096;

/// Where to listen when nothing is asked for: reachable from this machine only.
const LOCAL_ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Binds the asked-for address; port 0 means the kept port, or any at the first start. The port is kept.
pub(super) fn bind(state: &StateDir, asked: Option<SocketAddr>) -> Result<TcpListener, ListenerError> {
    let asked = asked.unwrap_or(LOCAL_ANY_PORT);
    let kept = if asked.port() == 0 { read(state)? } else { None };
    let address = kept.map_or(asked, |port| SocketAddr::new(asked.ip(), port));
    let listener = listen(address).map_err(|source| match kept {
        Some(_) => ListenerError::KeptPort { address, port_file: state.port(), source },
        None => ListenerError::Bind { address, source },
    })?;
    let bound = listener.local_addr().map_err(|source| ListenerError::Bind { address, source })?;
    if kept != Some(bound.port()) {
        write(state, bound.port())?;
    }
    Ok(listener)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // So that a coordinator that was just ended can be started again.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn read(state: &StateDir) -> Result<Option<u16>, ListenerError> {
    let path = state.port();
    let failed = |source| ListenerError::PortFile { operation: "read", path: path.clone(), source };
    match std::fs::read_to_string(&path) {
        Ok(text) => match text.trim().parse() {
            Ok(port) if port != 0 => Ok(Some(port)),
            Ok(_) | Err(_) => Err(failed(io::Error::new(ErrorKind::InvalidData, "it does not hold a port"))),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed(source)),
    }
}

fn write(state: &StateDir, port: u16) -> Result<(), ListenerError> {
    let path = state.port();
    write_private(&path, format!("{port}\n").as_bytes()).map_err(|source| ListenerError::PortFile {
        operation: "write",
        path,
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::StateEnvironment;

    fn scratch() -> (tempfile::TempDir, StateDir) {
        let folder = tempfile::tempdir().unwrap();
        let flag = Some(folder.path().join("state"));
        let state = StateDir::resolve(&StateEnvironment { flag, ..StateEnvironment::default() }).unwrap();
        state.create().unwrap();
        (folder, state)
    }

    #[tokio::test]
    async fn the_port_is_chosen_once_and_kept() {
        let (_folder, state) = scratch();
        let first = bind(&state, None).unwrap().local_addr().unwrap();
        assert!(first.ip().is_loopback());
        assert_eq!(bind(&state, None).unwrap().local_addr().unwrap(), first);
    }

    #[tokio::test]
    async fn a_kept_port_that_another_program_has_is_named_with_the_way_out() {
        let (_folder, state) = scratch();
        let _holder = bind(&state, None).unwrap();
        let error = bind(&state, None).unwrap_err().to_string();
        assert!(error.contains("the port that this fleet's agents know"), "{error}");
    }

    #[tokio::test]
    async fn a_damaged_port_file_is_refused() {
        let (_folder, state) = scratch();
        std::fs::write(state.port(), "0").unwrap();
        assert!(matches!(bind(&state, None), Err(ListenerError::PortFile { .. })));
    }
}
