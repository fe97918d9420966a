//! Which addresses are added and removed. Pure.

use std::collections::{BTreeMap, BTreeSet};
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
    // Where two clusters want the same, it is added if one of them lets it be.
    let mut missing: BTreeMap<IpAddr, bool> = BTreeMap::new();
    for want in wants.iter().filter(|want| !present.contains(&want.address) && !want.address.is_loopback()) {
        *missing.entry(want.address).or_default() |= want.manage;
    }
    for (address, manage) in missing {
        match address {
            IpAddr::V4(address) if manage && may_be_added(address) => plan.steps.push(AddressStep::Add(address)),
            other => plan.problems.push(AddressProblem::Missing(other)),
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    /// A few addresses of each kind: of the machine, of networks, of loopback, and those that may be added.
    fn any_address() -> impl Strategy<Value = Ipv4Addr> {
        let first = prop::sample::select(vec![[127, 84, 0], [10, 0, 0], [198, 18, 0], [198, 19, 255], [198, 20, 0]]);
        (first, 1u8..4).prop_map(|([a, b, c], d)| Ipv4Addr::new(a, b, c, d))
    }

    proptest! {
        #[test]
        fn a_plan_that_was_applied_leaves_no_step_and_takes_nothing_that_was_there_before(
            wants in prop::collection::btree_set((any_address(), any::<bool>()), 0..6),
            before in prop::collection::btree_set(any_address(), 0..6),
            added in prop::collection::btree_set(any_address(), 0..6),
            lost in any::<bool>(),
        ) {
            let wants: BTreeSet<AddressWant> =
                wants.into_iter().map(|(address, manage)| AddressWant { address: address.into(), manage }).collect();
            let mut noted: BTreeSet<Ipv4Addr> = added.difference(&before).copied().collect();
            // What we added may be gone: the machine was booted anew.
            let mut present: BTreeSet<IpAddr> = before.iter().map(|address| IpAddr::V4(*address)).collect();
            if !lost {
                present.extend(noted.iter().map(|address| IpAddr::V4(*address)));
            }
            let first = plan(&wants, &present, &noted);
            for step in &first.steps {
                match step {
                    AddressStep::Add(address) => {
                        prop_assert!(may_be_added(*address) && present.insert((*address).into()));
                        noted.insert(*address);
                    }
                    AddressStep::Remove(address) => {
                        prop_assert!(!before.contains(address) && present.remove(&(*address).into()));
                        noted.remove(address);
                    }
                }
            }
            prop_assert!(before.iter().all(|address| present.contains(&IpAddr::V4(*address))));
            let second = plan(&wants, &present, &noted);
            prop_assert_eq!(&second.steps, &[]);
            prop_assert_eq!(&second.problems, &first.problems);
            let has = |want: &AddressWant| want.address.is_loopback() || present.contains(&want.address);
            let lacking = AddressProblem::Missing;
            prop_assert!(wants.iter().all(|want| has(want) || second.problems.contains(&lacking(want.address))));
        }
    }
}
