//! The fleet: its addresses and its pool of ports.

use std::net::IpAddr;

use throng_common::ports::PortRange;
use throng_common::scenario::model::{Fleet, Provider};

use super::context::Checker;
use crate::scenario::code::Code;
use crate::scenario::path::KeyPath;
use crate::scenario::report::Fault;

/// From here on the kernel gives ports to outgoing connections (the default of `net.ipv4.ip_local_port_range`).
const EPHEMERAL_FIRST: u16 = 32_768;
/// Up to here.
const EPHEMERAL_LAST: u16 = 60_999;
/// Ports below need a privilege to be listened on.
const UNPRIVILEGED_FIRST: u16 = 1_024;
/// Overcommit beyond this is a mistake in the unit (150 for 150 percent) rather than a wish.
const OVERCOMMIT_MAX: f64 = 10.0;

/// Checks `[fleet]`.
pub(super) fn check(checker: &mut Checker<'_>, fleet: &Fleet) {
    let path = KeyPath::from_iter(["fleet"]);
    if let Some(address) = fleet.address {
        check_address(checker, address, &path.join("address"));
    }
    check_pool(checker, fleet.ports, &path.join("ports"));
    check_kind(checker, fleet, &path);
    if !(1.0..=OVERCOMMIT_MAX).contains(&fleet.memory_overcommit) {
        let message = format!("a factor of {} admits nothing sensible", fleet.memory_overcommit);
        let fault = Fault::new(Code::OutOfRange, message).hint("write a factor from 1.0 (no overcommit) to 10.0");
        checker.fault(&path.join("memory_overcommit"), fault);
    }
}

/// That a fleet says which hosts it has just when nobody provides them.
fn check_kind(checker: &mut Checker<'_>, fleet: &Fleet, path: &KeyPath) {
    let place = path.join("host");
    match (fleet.provider, &fleet.host) {
        (Provider::PlanOnly, None) if !checker.is_doubtful(&place) => {
            let fault = Fault::new(Code::MissingKey, "a fleet that is only planned needs `host`");
            let hint = "say of what kind its hosts are: host = { cpus = 64, memory = \"488GiB\" }";
            checker.fault(&path.join("provider"), fault.hint(hint));
        }
        (Provider::Local, Some(_)) if !checker.is_doubtful(&path.join("provider")) => {
            checker.stray(&place, true, "hosts that there are say of what kind they are");
        }
        (Provider::PlanOnly | Provider::Local, _) => {}
    }
    if fleet.provider == Provider::PlanOnly {
        checker.stray(&path.join("address"), fleet.address.is_some(), "hosts that nobody has yet have none");
    }
}

fn check_address(checker: &mut Checker<'_>, address: IpAddr, path: &KeyPath) {
    if address.is_unspecified() || address.is_multicast() {
        let fault = Fault::new(Code::BadAddress, format!("nodes cannot be reached at {address}"));
        checker.fault(path, fault.hint("write one address of this machine, or one inside 198.18.0.0/15 to be added"));
    }
}

fn check_pool(checker: &mut Checker<'_>, pool: PortRange, path: &KeyPath) {
    if pool.first() < UNPRIVILEGED_FIRST {
        let fault = Fault::new(Code::BadPortRange, format!("ports below {UNPRIVILEGED_FIRST} belong to the system"));
        checker.fault(path, fault.hint("begin at 1024 or above, like \"20000-32000\""));
    }
    if pool.first() <= EPHEMERAL_LAST && pool.last() >= EPHEMERAL_FIRST {
        let message = format!(
            "the pool overlaps the kernel's ephemeral ports ({EPHEMERAL_FIRST}-{EPHEMERAL_LAST}): outgoing connections may hold one of them already"
        );
        checker
            .fault(path, Fault::warning(Code::EphemeralPorts, message).hint("end below 32768, like \"20000-32000\""));
    }
}
