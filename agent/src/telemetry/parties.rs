//! Who used the host between two looks at all its processes. Pure.
//!
//! A process belongs to its parent's party, unless it is a node's first process, or the engine's or throng's by name.
//! What a party used is the growth of what all its members have used, those children included that they saw end: so
//! what begins and ends between two looks counts too. Where the children are somebody else's, they are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use throng_common::status::{Party, PartyUse, TopProcess, TopProcesses};

use super::host::ticks_to_seconds;
use crate::host::procs::account::Account;

/// All processes, by id.
pub type Accounts = BTreeMap<u32, Account>;

/// How the programs of an engine begin: `containerd-shim` too.
const ENGINE: [&str; 4] = ["dockerd", "containerd", "runc", "docker-proxy"];
/// What stands beside each container: the container's processes are its children.
const CONTAINER_SHIM: &str = "containerd-shim";
/// Throng's own programs.
const AGENT: &str = "throng-agent";
const COORDINATOR: &str = "throng";
/// The kernel's own threads are children of this one: they work for everybody.
const KERNEL_THREADS: u32 = 2;

/// What tells nodes from others.
#[derive(Debug, Clone, Default)]
pub struct NodeMarks {
    /// First processes of nodes.
    pub pids: BTreeSet<u32>,
    /// Children of containers' shims that are commands in containers of nodes.
    pub commands: BTreeSet<u32>,
}

/// The party of every process; none for the kernel's threads.
fn parties(accounts: &Accounts, marks: &NodeMarks) -> BTreeMap<u32, Option<Party>> {
    let mut known: BTreeMap<u32, Option<Party>> = BTreeMap::new();
    for pid in accounts.keys() {
        let mut path = vec![*pid];
        // Up to somebody whose party is clear. Ids wrap around, so that a parent may be the younger one.
        let party = loop {
            let at = path[path.len() - 1];
            if let Some(party) = known.get(&at) {
                break *party;
            }
            match standing(at, accounts, marks) {
                Standing::Of(party) => break party,
                Standing::OfParent(parent) if path.len() <= accounts.len() => path.push(parent),
                Standing::OfParent(_) => break Some(Party::Others),
            }
        };
        known.extend(path.into_iter().map(|pid| (pid, party)));
    }
    known
}

enum Standing {
    Of(Option<Party>),
    OfParent(u32),
}

fn standing(pid: u32, accounts: &Accounts, marks: &NodeMarks) -> Standing {
    if marks.pids.contains(&pid) || marks.commands.contains(&pid) {
        return Standing::Of(Some(Party::Nodes));
    }
    let Some(account) = accounts.get(&pid) else { return Standing::Of(Some(Party::Others)) };
    let name = account.name.as_str();
    if pid == KERNEL_THREADS || account.stat.parent == KERNEL_THREADS {
        Standing::Of(None)
    } else if ENGINE.iter().any(|program| name.starts_with(program)) {
        Standing::Of(Some(Party::Engine))
    } else if name == AGENT || name == COORDINATOR {
        Standing::Of(Some(Party::Throng))
    } else if account.stat.parent <= 1 || is_container_shim(account.stat.parent, accounts) {
        Standing::Of(Some(Party::Others))
    } else {
        Standing::OfParent(account.stat.parent)
    }
}

/// Whether a process stands beside a container.
pub fn is_container_shim(pid: u32, accounts: &Accounts) -> bool {
    accounts.get(&pid).is_some_and(|account| account.name.starts_with(CONTAINER_SHIM))
}

/// CPU time that counts for a process's party. The first process and shims see the end of whoever was left to them.
fn ticks(pid: u32, account: &Account) -> u64 {
    let adopts = pid <= 1 || account.name == AGENT || ENGINE.iter().any(|name| account.name.starts_with(name));
    if adopts { account.own_ticks } else { account.own_ticks + account.children_ticks }
}

/// What each party used from one look to the next. `nodes_cpu_cores` is what the nodes' control groups say.
pub fn uses(
    (before, after): (&Accounts, &Accounts),
    marks: &NodeMarks,
    took: Duration,
    nodes_cpu_cores: f64,
) -> Vec<PartyUse> {
    let (was, is) = (parties(before, marks), parties(after, marks));
    let of = |party: Party| {
        let members = |parties: &BTreeMap<u32, Option<Party>>, accounts: &Accounts| -> Vec<(u32, Account)> {
            let ours = accounts.iter().filter(|(pid, _)| parties.get(pid) == Some(&Some(party)));
            ours.map(|(pid, account)| (*pid, account.clone())).collect()
        };
        let (old, new) = (members(&was, before), members(&is, after));
        let total = |all: &[(u32, Account)], pick: &dyn Fn(u32, &Account) -> u64| -> u64 {
            all.iter().map(|(pid, account)| pick(*pid, account)).sum()
        };
        let grown = |pick: &dyn Fn(u32, &Account) -> u64| total(&new, pick).saturating_sub(total(&old, pick));
        let cpu_cores = match party {
            Party::Nodes => nodes_cpu_cores,
            Party::Engine | Party::Throng | Party::Others => ticks_to_seconds(grown(&ticks)) / took.as_secs_f64(),
        };
        let pages = total(&new, &|_, account| account.resident_pages);
        PartyUse {
            party,
            cpu_cores,
            memory_bytes: pages * procfs::page_size(),
            io_bytes_per_second: per_second(grown(&|_, account| account.io_bytes), took),
            top: top(&new, before),
        }
    };
    if took.is_zero() { Vec::new() } else { Party::ALL.map(of).to_vec() }
}

fn top(members: &[(u32, Account)], before: &Accounts) -> TopProcesses {
    let since = |pid: u32, account: &Account, pick: &dyn Fn(u32, &Account) -> u64| {
        let known = before.get(&pid).filter(|known| known.stat.start_ticks == account.stat.start_ticks);
        pick(pid, account).saturating_sub(known.map_or(0, |known| pick(pid, known)))
    };
    let most = |pick: &dyn Fn(u32, &Account) -> u64| {
        let (pid, account) = members.iter().max_by_key(|(pid, account)| pick(*pid, account))?;
        (pick(*pid, account) > 0).then(|| TopProcess { pid: *pid, name: account.name.clone() })
    };
    TopProcesses {
        cpu: most(&|pid, account| since(pid, account, &ticks)),
        memory: most(&|_, account| account.resident_pages),
        io: most(&|pid, account| since(pid, account, &|_, account| account.io_bytes)),
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate to show"
)]
fn per_second(bytes: u64, took: Duration) -> u64 {
    (bytes as f64 / took.as_secs_f64()) as u64
}

#[cfg(test)]
#[path = "parties_tests.rs"]
mod tests;
