//! Whether ports can be bound, tried as a server would: the only answer that counts.

use std::io;
use std::net::{IpAddr, TcpListener};

use throng_common::ports::PortRange;

use super::holder::{PortHolder, find_holder};
use crate::host::procs::table::Procs;

/// Why a port cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Somebody else has it.
    #[error("{0}: stop that process, or let the cluster use other ports")]
    Taken(PortHolder),
    /// It is taken, and nobody listens: a connection that goes out from it, or is just ending.
    #[error("port {port} on {address} is in use by a connection: it will be free in a minute")]
    Busy {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
    },
    /// The machine does not have the address.
    #[error("this host has no address {address}: give `[fleet] address` one that it has")]
    NoAddress {
        /// The address.
        address: IpAddr,
    },
    /// It could not be tried.
    #[error("cannot try port {port} on {address}")]
    Probe {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// Tries to bind and listen on every port of the ranges, and lets go. An error for each port that cannot be used.
///
/// Opens one socket at a time. As with most servers `SO_REUSEADDR` is set (std does so): what is left of a closed
/// connection is not in the way.
pub fn probe(procs: &Procs, address: IpAddr, ranges: &[PortRange]) -> Vec<PortError> {
    let ports = ranges.iter().flat_map(|range| range.iter());
    ports.filter_map(|port| probe_one(procs, address, port).err()).collect()
}

fn probe_one(procs: &Procs, address: IpAddr, port: u16) -> Result<(), PortError> {
    match TcpListener::bind((address, port)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(match find_holder(procs, address, port) {
            Ok(Some(holder)) => PortError::Taken(holder),
            Ok(None) | Err(_) => PortError::Busy { address, port },
        }),
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => Err(PortError::NoAddress { address }),
        Err(source) => Err(PortError::Probe { address, port, source }),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_taken_port_is_found_and_its_neighbours_are_free() {
        let listener = TcpListener::bind("127.84.9.3:0").unwrap();
        let taken = listener.local_addr().unwrap();
        let range = PortRange::new(taken.port(), taken.port()).unwrap();
        let errors = probe(&Procs::default(), taken.ip(), &[range]);
        assert!(
            matches!(&errors[..], [PortError::Taken(holder)] if holder.pid == Some(std::process::id())),
            "{errors:?}"
        );
        assert!(probe(&Procs::default(), "127.84.9.4".parse().unwrap(), &[range]).is_empty());
        drop(listener);
        assert!(probe(&Procs::default(), taken.ip(), &[range]).is_empty());
    }

    #[test]
    fn an_address_that_the_machine_lacks_is_said_to_be_missing() {
        let range = PortRange::new(20_000, 20_000).unwrap();
        let errors = probe(&Procs::default(), "203.0.113.7".parse().unwrap(), &[range]);
        assert!(matches!(&errors[..], [PortError::NoAddress { .. }]), "{errors:?}");
    }
}
