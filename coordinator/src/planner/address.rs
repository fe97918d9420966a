//! The address that the nodes of a host listen on.

use std::net::{IpAddr, Ipv4Addr};

use throng_common::scenario::model::{Fleet, Provider};

use super::input::HostInput;
use super::refusal::Problem;

/// A host's address, and whether the agent adds it to `lo`.
pub(super) fn address_of(
    fleet: &Fleet,
    host: &HostInput,
    position: usize,
    hosts: usize,
) -> Result<(IpAddr, bool), Problem> {
    let Some(address) = fleet.address else {
        return match fleet.provider {
            Provider::Local | Provider::PlanOnly => Ok((own_address(position), false)),
        };
    };
    let refuse = |reason| Problem::Address { address, host: host.host.clone(), reason };
    let managed = in_benchmark_network(address);
    if hosts > 1 {
        return Err(refuse("would be the same for several hosts, beginning"));
    }
    if address.is_unspecified() || address.is_multicast() {
        return Err(refuse("is none that a node can listen on and be reached at"));
    }
    let there = host.facts.addresses.contains(&address) || matches!(address, IpAddr::V4(v4) if v4.is_loopback());
    if there || managed { Ok((address, managed)) } else { Err(refuse("does not exist")) }
}

/// 127.84.0.1 and so on: throng's own, all of which exist on every Linux without being made.
fn own_address(position: usize) -> IpAddr {
    let number = u16::try_from(position + 1).unwrap_or(u16::MAX);
    let [high, low] = number.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, 84, high, low))
}

/// Whether it lies in 198.18.0.0/15, set aside for tests of networks (RFC 2544): nobody's real address.
fn in_benchmark_network(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 198 && v4.octets()[1] & 0xfe == 18)
}
