//! Reading the machine's addresses, and changing those of `lo` through `ip`.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use sysinfo::{NetworkData, Networks};
use throng_failpoints::{Fault, Point, hit, planted};

use super::plan::{AddressPlan, AddressStep};
use crate::resources::outcome::Outcome;

/// Why an address could not be added or removed.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// The machine's addresses could not be read.
    #[error("cannot read the addresses of this host")]
    Read(#[source] sysinfo::Error),
    /// There is no `ip` command.
    #[error("cannot run `ip` to change address {address}: install iproute2")]
    NoTool {
        /// The address.
        address: Ipv4Addr,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It refused.
    #[error("`ip address {verb} {address}/32 dev lo` failed: {output}")]
    Refused {
        /// `add` or `delete`.
        verb: &'static str,
        /// The address.
        address: Ipv4Addr,
        /// What it said.
        output: String,
    },
}

/// All addresses of the machine, on any interface.
pub fn observe() -> Result<BTreeSet<IpAddr>, AddressError> {
    let networks = Networks::new_with_refreshed_list().map_err(AddressError::Read)?;
    Ok(networks.values().flat_map(NetworkData::ip_networks).map(|network| network.addr).collect())
}

/// Takes the steps; every one is tried. Blocks for the run of a small command each.
pub fn apply(plan: AddressPlan) -> Vec<Outcome<AddressStep, AddressError>> {
    let take = |step: &AddressStep| match step {
        AddressStep::Add(address) => change("add", *address),
        AddressStep::Remove(_) if planted(Fault::SkipAddressRemoval) => Ok(()),
        AddressStep::Remove(address) => change("delete", *address),
    };
    plan.steps.into_iter().map(|step| Outcome::of(step, take)).collect()
}

fn change(verb: &'static str, address: Ipv4Addr) -> Result<(), AddressError> {
    let with_prefix = format!("{address}/32");
    let output = Command::new("ip").args(["address", verb, &with_prefix, "dev", "lo"]).output();
    let output = output.map_err(|source| AddressError::NoTool { address, source })?;
    if output.status.success() {
        hit(Point::AddressChanged);
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(AddressError::Refused { verb, address, output })
}
