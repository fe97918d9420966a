//! Kernel settings and addresses that belong to a network namespace, in one of the test's own.

use std::collections::BTreeSet;

use nix::mount::{MsFlags, mount};
use throng_agent::resources::address::{self, plan::AddressWant};
use throng_agent::resources::outcome::failures;
use throng_agent::resources::sysctl::apply::apply;
use throng_agent::resources::sysctl::error::SysctlError;
use throng_agent::resources::sysctl::plan::{ClusterWant, Unwanted, keys, plan};
use throng_agent::resources::sysctl::store::{ProcSys, Sysctls, observe};
use throng_agent::resources::sysctl::{key::SysctlKey, plan::SysctlPlan};
use throng_common::host_spec::{SysctlSpec, SysctlWant};
use throng_common::status::SysctlChange;
use throng_common::sysctl_keys::{RESERVED_PORTS, SOMAXCONN};

use crate::mount_namespace::in_private_mount_namespace;
use crate::names::cluster;
use crate::network_namespace::in_private_network_namespace;

fn want(key: &str, want: SysctlWant) -> ClusterWant {
    let spec = SysctlSpec { key: key.to_owned(), want, required: true, reason: String::new() };
    ClusterWant { cluster: cluster(), spec }
}

fn reach(wants: &[ClusterWant], records: &mut Vec<SysctlChange>) -> SysctlPlan {
    let store = ProcSys::default();
    let (values, errors) = observe(&store, keys(wants, records.iter()));
    assert!(errors.is_empty(), "{errors:?}");
    let made = plan(wants, &values, records, Unwanted::PutBack);
    let applied = apply(&store, made.clone());
    assert_eq!(failures(&applied.outcomes).count(), 0, "{applied:?}");
    records.retain(|record| !applied.forgotten.contains(&record.key));
    records.retain(|record| applied.records.iter().all(|new| new.key != record.key));
    records.extend(applied.records);
    made
}

#[test]
fn settings_are_raised_in_the_kernel_and_put_back() {
    in_private_network_namespace(|| {
        let store = ProcSys::default();
        let read = |key: &str| store.read(&SysctlKey::new(key).unwrap()).unwrap().unwrap();
        let (before, mut records) = (read(SOMAXCONN), Vec::new());
        store.write(&SysctlKey::new(RESERVED_PORTS).unwrap(), "8080").unwrap();
        let wants = [
            want(SOMAXCONN, SysctlWant::AtLeast(20_000)),
            want(RESERVED_PORTS, SysctlWant::Ports("20000-20099,31000".parse().unwrap())),
        ];
        reach(&wants, &mut records);
        assert_eq!((read(SOMAXCONN).as_str(), read(RESERVED_PORTS).as_str()), ("20000", "8080,20000-20099,31000"));
        assert_eq!(reach(&wants, &mut records), SysctlPlan::default());
        // Somebody frees what was reserved before us: an empty list must be written too.
        store.write(&SysctlKey::new(RESERVED_PORTS).unwrap(), "20000-20099,31000").unwrap();
        reach(&[], &mut records);
        assert_eq!((read(SOMAXCONN), read(RESERVED_PORTS)), (before, String::new()));
        assert!(records.is_empty());
    });
}

#[test]
fn settings_that_are_read_only_are_said_to_be_with_what_can_be_done_and_stay() {
    in_private_network_namespace(|| {
        in_private_mount_namespace(|| {
            for flags in [MsFlags::MS_BIND, MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY] {
                mount(Some("/proc/sys"), "/proc/sys", None::<&str>, flags, None::<&str>).unwrap();
            }
            let store = ProcSys::default();
            let wants = [want(SOMAXCONN, SysctlWant::AtLeast(20_000))];
            let (before, _) = observe(&store, keys(&wants, std::iter::empty()));
            let applied = apply(&store, plan(&wants, &before, &[], Unwanted::PutBack));
            let [(_, error @ SysctlError::Write { source, .. })] = failures(&applied.outcomes).collect::<Vec<_>>()[..]
            else {
                panic!("{applied:?}")
            };
            assert_eq!(source.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
            assert!(error.to_string().contains("run the agent as root, outside of a container"), "{error}");
            assert!(applied.records.is_empty() && applied.forgotten.is_empty(), "{applied:?}");
            assert_eq!(observe(&store, keys(&wants, std::iter::empty())).0, before);
        });
    });
}

#[test]
fn a_long_list_of_reserved_ports_is_read_to_its_end() {
    in_private_network_namespace(|| {
        let (store, key) = (ProcSys::default(), SysctlKey::new(RESERVED_PORTS).unwrap());
        let list =
            (0..300).map(|at| format!("{0}-{1}", 20_000 + 10 * at, 20_004 + 10 * at)).collect::<Vec<_>>().join(",");
        store.write(&key, &list).unwrap();
        assert_eq!(store.read(&key).unwrap().unwrap(), list);
        let mut records = Vec::new();
        reach(&[want(RESERVED_PORTS, SysctlWant::Ports("31000-31009".parse().unwrap()))], &mut records);
        assert_eq!(store.read(&key).unwrap().unwrap(), format!("{list},31000-31009"));
        reach(&[], &mut records);
        assert_eq!(store.read(&key).unwrap().unwrap(), list, "what others reserved is as it was");
    });
}

#[test]
fn an_address_is_added_to_lo_and_removed() {
    in_private_network_namespace(|| {
        let ours = "198.18.7.7".parse().unwrap();
        let wants = BTreeSet::from([AddressWant { address: std::net::IpAddr::V4(ours), manage: true }]);
        let added = BTreeSet::from([ours]);
        let present = address::apply::observe().unwrap();
        let outcomes = address::apply::apply(address::plan::plan(&wants, &present, &BTreeSet::new()));
        assert_eq!((outcomes.len(), failures(&outcomes).count()), (1, 0), "{outcomes:?}");
        let present = address::apply::observe().unwrap();
        assert!(present.contains(&std::net::IpAddr::V4(ours)));
        assert!(address::plan::plan(&wants, &present, &added).steps.is_empty());
        let outcomes = address::apply::apply(address::plan::plan(&BTreeSet::new(), &present, &added));
        assert_eq!((outcomes.len(), failures(&outcomes).count()), (1, 0), "{outcomes:?}");
        assert!(!address::apply::observe().unwrap().contains(&std::net::IpAddr::V4(ours)));
    });
}
