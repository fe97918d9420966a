//! Who holds a port: the kernel's socket table, then the process with that socket.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};

use procfs::net::{TcpNetEntry, TcpState};
use serde::Serialize;

use crate::host::procs::table::Procs;

/// Somebody who listens on a port that should be free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortHolder {
    /// The port.
    pub port: u16,
    /// The address that it listens on.
    pub address: IpAddr,
    /// Its process; none where it lies in another pid namespace or has just ended.
    pub pid: Option<u32>,
    /// Its command line, or its program's name.
    pub command: Option<String>,
}

impl std::fmt::Display for PortHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { port, address, .. } = self;
        match (self.pid, &self.command) {
            (Some(pid), Some(command)) => write!(f, "port {port} is held on {address} by process {pid} ({command})"),
            (Some(pid), None) => write!(f, "port {port} is held on {address} by process {pid}"),
            (None, _) => write!(f, "port {port} is held on {address} by a process that cannot be seen from here"),
        }
    }
}

/// All listening TCP sockets of this network namespace: address and inode.
pub fn listeners() -> io::Result<Vec<(SocketAddr, u64)>> {
    let four = procfs::net::tcp().map_err(io::Error::other)?;
    // A kernel without IPv6 has no such table.
    let six = procfs::net::tcp6().unwrap_or_default();
    let listening = |entry: &TcpNetEntry| entry.state == TcpState::Listen;
    Ok(four.into_iter().chain(six).filter(listening).map(|entry| (entry.local_address, entry.inode)).collect())
}

/// The ports on which somebody listens.
pub fn listening_ports() -> io::Result<BTreeSet<u16>> {
    Ok(listeners()?.into_iter().map(|(address, _)| address.port()).collect())
}

/// Who stops `address:port` from being bound; none where nobody listens there now.
///
/// Looks through the open files of all processes: dear, so only asked when a port was found taken.
pub fn find_holder(procs: &Procs, address: IpAddr, port: u16) -> io::Result<Option<PortHolder>> {
    let in_the_way = |listener: &SocketAddr| {
        let any = listener.ip().is_unspecified() || address.is_unspecified();
        listener.port() == port && (any || listener.ip() == address)
    };
    let Some((listener, inode)) = listeners()?.into_iter().find(|(listener, _)| in_the_way(listener)) else {
        return Ok(None);
    };
    let link = format!("socket:[{inode}]");
    let pid = procs.pids()?.into_iter().find(|pid| procs.holds(*pid, &link).unwrap_or(false));
    let command = pid.and_then(|pid| {
        let command = procs.command(pid).ok().filter(|command| !command.is_empty());
        command.or_else(|| procs.comm(pid).ok())
    });
    Ok(Some(PortHolder { port, address: listener.ip(), pid, command: command.map(|text| shortened(&text)) }))
}

/// Java's command lines fill pages: the beginning tells which program it is.
fn shortened(command: &str) -> String {
    const COMMAND_MAX_CHARS: usize = 120;
    match command.char_indices().nth(COMMAND_MAX_CHARS) {
        Some((end, _)) => format!("{}…", &command[..end]),
        None => command.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_holder_is_named_with_process_and_command() {
        let listener = TcpListener::bind("127.84.9.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let holder = find_holder(&Procs::default(), address.ip(), address.port()).unwrap().unwrap();
        assert_eq!(holder.pid, Some(std::process::id()));
        assert!(holder.to_string().contains("throng_agent"), "{holder}");
        assert!(listening_ports().unwrap().contains(&address.port()));
        let elsewhere = find_holder(&Procs::default(), "127.84.9.2".parse().unwrap(), address.port()).unwrap();
        assert_eq!(elsewhere, None, "another address is not in the way");
        let everywhere = find_holder(&Procs::default(), "0.0.0.0".parse().unwrap(), address.port()).unwrap();
        assert!(everywhere.is_some());
    }

    #[test]
    fn long_command_lines_are_cut_at_a_letter() {
        assert_eq!(shortened(&"ä".repeat(200)).chars().count(), 121);
    }
}
