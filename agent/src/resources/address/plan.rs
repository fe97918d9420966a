//! Which addresses are added and removed. Pure.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use serde::Serialize;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum AddressStep {
    /// Add it to `lo` as /32. It goes to the ledger before.
    Add(Ipv4Addr),
    /// Remove it.
    Remove(Ipv4Addr),
}

/// An address that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum AddressProblem {
    /// The machine does not have it and throng may not add it.
    #[error(
        "this host has no address {0}: give one that it has, one of 127.0.0.0/8, or one of 198.18.0.0/15 to be added"
    )]
    Missing(IpAddr),
}

/// The steps, and what stands in the way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AddressPlan {
    /// Removals first.
    pub steps: Vec<AddressStep>,
    /// Addresses that cannot be had.
    pub problems: Vec<AddressProblem>,
}

/// What a cluster wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AddressWant {
    /// The address.
    pub address: IpAddr,
    /// Whether it may be added where it is missing.
    pub manage: bool,
}

/// Whether throng may add this address to a host: 198.18.0.0/15 is set aside for benchmarks of networks (RFC 2544).
pub fn may_be_added(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 198 && (second == 18 || second == 19)
}

/// Compares the addresses of all clusters with those that the machine has, and those that we added (by the ledger).
///
/// One that was there before us is never removed.
pub fn plan(wants: &BTreeSet<AddressWant>, present: &BTreeSet<IpAddr>, added: &BTreeSet<Ipv4Addr>) -> AddressPlan {
    let mut plan = AddressPlan::default();
    for address in added {
        let wanted = wants.iter().any(|want| want.address == IpAddr::V4(*address));
        if !wanted && may_be_added(*address) && present.contains(&IpAddr::V4(*address)) {
            plan.steps.push(AddressStep::Remove(*address));
        }
    }
    for want in wants.iter().filter(|want| !present.contains(&want.address) && !want.address.is_loopback()) {
        match want.address {
            IpAddr::V4(address) if want.manage && may_be_added(address) => {
                let step = AddressStep::Add(address);
                if !plan.steps.contains(&step) {
                    plan.steps.push(step);
                }
            }
            other => plan.problems.push(AddressProblem::Missing(other)),
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set<T: Ord + std::str::FromStr<Err: std::fmt::Debug>>(all: &[&str]) -> BTreeSet<T> {
        all.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn want(address: &str, manage: bool) -> AddressWant {
        AddressWant { address: address.parse().unwrap(), manage }
    }

    #[test]
    fn only_benchmark_addresses_are_added_and_only_ours_removed() {
        let wants = BTreeSet::from([
            want("127.84.0.1", false),
            want("198.18.0.5", true),
            want("198.19.255.1", false),
            want("192.0.2.1", true),
            want("10.0.0.1", true),
        ]);
        let found = plan(&wants, &set(&["10.0.0.1", "198.18.0.9", "198.18.0.8"]), &set(&["198.18.0.9", "198.18.0.7"]));
        let expected =
            [AddressStep::Remove("198.18.0.9".parse().unwrap()), AddressStep::Add("198.18.0.5".parse().unwrap())];
        assert_eq!(found.steps, expected);
        assert_eq!(found.problems.len(), 2, "{:?}", found.problems);
        let after = set(&["10.0.0.1", "198.18.0.5", "198.18.0.8"]);
        assert_eq!(plan(&wants, &after, &set(&["198.18.0.5"])).steps, []);
        let end = plan(&BTreeSet::new(), &after, &set(&["198.18.0.5"]));
        assert_eq!(end.steps, [AddressStep::Remove("198.18.0.5".parse().unwrap())]);
    }
}
