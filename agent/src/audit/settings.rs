//! Kernel settings, reserved ports, the hosts file and the address.

use std::net::IpAddr;
use std::path::Path;

use throng_common::ports::PortSet;
use throng_common::status::{AuditScope, Residue, ResidueKind, SysctlChange};
use throng_common::sysctl_keys::RESERVED_PORTS;

use super::scope::{counts, others_live};
use crate::resources::address::plan::may_be_added;
use crate::resources::names::block::clusters;
use crate::resources::sysctl::value::{plain, ports_of};

/// Ports of the scope that are still reserved. Those that were reserved before us are not ours.
pub fn reserved_ports(scope: &AuditScope, current: &str) -> Option<Residue> {
    let before = scope.sysctls.iter().find(|change| change.key == RESERVED_PORTS);
    let before = before.and_then(|change| ports_of(&change.original)).unwrap_or_default();
    let current = ports_of(current)?;
    let left: PortSet = scope.ports.difference(&before).intersection(&current);
    if left.is_empty() {
        return None;
    }
    let rest = current.difference(&left);
    Some(Residue {
        kind: ResidueKind::ReservedPorts,
        cluster: scope.cluster.clone(),
        subject: format!("ports {left} in {RESERVED_PORTS}"),
        remedy: format!("sudo sysctl -w {RESERVED_PORTS}='{rest}'"),
    })
}

/// Settings that still have the value that we wrote. While other clusters live they may want it too; a value that
/// somebody else wrote after us is theirs.
pub fn sysctl(scope: &AuditScope, change: &SysctlChange, current: &str) -> Option<Residue> {
    let (original, written, current) = (plain(&change.original), plain(&change.written), plain(current));
    if change.key == RESERVED_PORTS || others_live(scope) || current != written || current == original {
        return None;
    }
    Some(Residue {
        kind: ResidueKind::Sysctl,
        cluster: scope.cluster.clone(),
        subject: format!("{} is {current}, was {original}", change.key),
        remedy: format!("sudo sysctl -w {}='{original}'", change.key),
    })
}

/// Blocks of ours in the host's hosts file.
pub fn hosts_file(scope: &AuditScope, path: &Path, text: &[u8]) -> Vec<Residue> {
    let left = clusters(text).into_iter().filter(|cluster| counts(scope, Some(cluster)));
    left.map(|cluster| Residue {
        kind: ResidueKind::HostsFile,
        subject: format!("lines marked `# throng {cluster}` in {}", path.display()),
        remedy: format!("sudo sed -i '/throng {cluster}$/d' {}", path.display()),
        cluster: Some(cluster),
    })
    .collect()
}

/// The scope's address, where it is one that throng adds and no other cluster may still use it.
pub fn address(scope: &AuditScope, present: &std::collections::BTreeSet<IpAddr>) -> Option<Residue> {
    let IpAddr::V4(address) = scope.address? else { return None };
    if !may_be_added(address) || others_live(scope) || !present.contains(&IpAddr::V4(address)) {
        return None;
    }
    Some(Residue {
        kind: ResidueKind::Address,
        cluster: scope.cluster.clone(),
        subject: format!("address {address} on lo"),
        remedy: format!("sudo ip address delete {address}/32 dev lo"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use throng_common::ids::ClusterId;

    fn id(text: &str) -> ClusterId {
        ClusterId::new(text).unwrap()
    }

    fn change(key: &str, original: &str, written: &str) -> SysctlChange {
        SysctlChange { key: key.to_owned(), original: original.to_owned(), written: written.to_owned() }
    }

    #[test]
    fn only_our_ports_that_are_still_reserved_count() {
        let scope = AuditScope {
            cluster: Some(id("a-1")),
            ports: "20000-20099,8080".parse().unwrap(),
            sysctls: vec![change(RESERVED_PORTS, "8080", "8080,20000-20099")],
            ..AuditScope::default()
        };
        let left = reserved_ports(&scope, "8080,9999,20050-20060\n").unwrap();
        assert!(left.subject.contains("20050-20060 "), "{left:?}");
        assert!(left.remedy.ends_with("='8080,9999'"), "{left:?}");
        assert_eq!(reserved_ports(&scope, "8080,9999"), None);
    }

    #[test]
    fn a_setting_counts_only_while_it_has_the_value_that_we_wrote() {
        let alone = AuditScope { cluster: Some(id("a-1")), live: vec![id("a-1")], ..AuditScope::default() };
        let raised = change("kernel.pid_max", "32768", "4194304");
        assert!(sysctl(&alone, &raised, "4194304\n").is_some());
        assert_eq!(sysctl(&alone, &raised, "32768"), None);
        assert_eq!(sysctl(&alone, &raised, "50000"), None, "somebody else's");
        let beside = AuditScope { live: vec![id("b-2")], ..alone };
        assert_eq!(sysctl(&beside, &raised, "4194304"), None, "another cluster may want it");
    }

    #[test]
    fn only_this_clusters_block_counts() {
        let scope = AuditScope { cluster: Some(id("a-1")), ..AuditScope::default() };
        let text = b"127.0.0.1 localhost\n1.1.1.1 x # throng a-1-b\n# END throng a-1\n# BEGIN throngling a-1\n";
        let found = hosts_file(&scope, Path::new("/etc/hosts"), text);
        assert_eq!(found.len(), 1);
        assert_eq!(hosts_file(&scope, Path::new("/etc/hosts"), b"1.1.1.1 x # throng a-1-b\n"), []);
    }

    #[test]
    fn an_address_that_throng_never_adds_is_no_residue() {
        let present = ["127.84.0.1", "10.0.0.1", "198.18.0.1"].map(|text| text.parse().unwrap()).into();
        let with = |text: &str| AuditScope { address: Some(text.parse().unwrap()), ..AuditScope::default() };
        assert_eq!(address(&with("127.84.0.1"), &present), None);
        assert_eq!(address(&with("10.0.0.1"), &present), None);
        assert!(address(&with("198.18.0.1"), &present).is_some());
        assert_eq!(address(&with("198.18.0.2"), &present), None);
    }
}
