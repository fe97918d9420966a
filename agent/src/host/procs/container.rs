//! Which processes are a container's, whatever its engine knows of it: an engine that was killed over a start has lost sight
//! of what it began.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::account;
use super::table::Procs;

/// The programs that make containers and stand beside them; the kernel keeps 15 letters of a name.
const MAKERS: [&str; 3] = ["containerd-shim", "runc", "crun"];
/// What they are told where they only clear away, or look.
const HARMLESS: [&str; 4] = ["delete", "state", "kill", "events"];

/// What of a process tells whose it is.
#[derive(Debug, Default)]
struct Process {
    parent: u32,
    cgroups: String,
    /// Those of a program that makes containers; those of others do not matter.
    arguments: Vec<String>,
}

impl Procs {
    /// The living processes of these containers, by the containers' ids; none for one that has none. Those in a container's
    /// control groups are its own, its shim is and what makes it, and whatever these have started: that is not yet in its
    /// groups.
    ///
    /// Reads two files for each process of the host.
    pub fn of_containers(&self, ids: &BTreeSet<&str>) -> io::Result<BTreeMap<String, BTreeSet<u32>>> {
        let mut processes = BTreeMap::new();
        for pid in self.pids()? {
            // One that has ended meanwhile is nobody's.
            let Ok(text) = self.text(pid, "stat") else { continue };
            let Some(account) = account::parse_stat(&text) else { continue };
            // One that only waits to be reaped does nothing any more.
            if matches!(account.stat.state, 'Z' | 'X') {
                continue;
            }
            let is_maker = MAKERS.iter().any(|maker| account.name.starts_with(maker));
            let arguments = if is_maker { self.arguments(pid).unwrap_or_default() } else { Vec::new() };
            let cgroups = self.cgroups(pid).unwrap_or_default();
            processes.insert(pid, Process { parent: account.stat.parent, cgroups, arguments });
        }
        Ok(of(&processes, ids))
    }
}

fn of(processes: &BTreeMap<u32, Process>, ids: &BTreeSet<&str>) -> BTreeMap<String, BTreeSet<u32>> {
    let owners: BTreeMap<u32, &str> =
        processes.iter().filter_map(|(pid, process)| Some((*pid, owner(process, ids)?))).collect();
    let mut found: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for pid in processes.keys() {
        let mut at = *pid;
        // Of a table that was read while it changed, parents may lead in a circle.
        for _ in 0..processes.len() {
            if let Some(id) = owners.get(&at) {
                found.entry((*id).to_owned()).or_default().insert(*pid);
                break;
            }
            let Some(process) = processes.get(&at) else { break };
            at = process.parent;
        }
    }
    found
}

fn owner<'a>(process: &Process, ids: &BTreeSet<&'a str>) -> Option<&'a str> {
    let parts = process.cgroups.split(|letter: char| !letter.is_ascii_alphanumeric());
    let is_harmless = process.arguments.iter().any(|argument| HARMLESS.contains(&argument.as_str()));
    // `-id <id>`, `create … <id>`; the first kind of shim has a folder that ends so.
    let named = process.arguments.iter().filter(|_| !is_harmless);
    let named = named.map(|argument| argument.rsplit('/').next().unwrap_or(argument));
    parts.chain(named).find_map(|part| ids.get(part).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(parent: u32, cgroups: &str, arguments: &[&str]) -> Process {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Process { parent, cgroups: cgroups.to_owned(), arguments }
    }

    #[test]
    fn a_containers_processes_are_those_of_its_groups_its_shim_and_what_that_is_about_to_make_of_it() {
        let shim = |id| process(1, "0::/engine", &["/usr/bin/containerd-shim-runc-v2", "-id", id]);
        let processes = BTreeMap::from([
            (1, process(0, "0::/", &[])),
            (10, shim("aaa")),
            (11, process(10, "0::/engine", &["runc", "create", "--bundle", "/run/aaa", "aaa"])),
            (12, process(11, "0::/engine", &[])),
            (13, process(10, "4:memory:/docker/aaa\n0::/docker/aaa", &[])),
            (20, process(1, "0::/engine", &["containerd-shim", "-workdir", "/var/moby/bbb"])),
            (30, process(1, "0::/system.slice/docker-ccc.scope", &[])),
            (31, process(30, "0::/elsewhere", &[])),
            // Whose shim is gone.
            (50, process(1, "0::/engine", &["runc", "--log", "json", "create", "eee"])),
            (51, process(50, "0::/engine", &[])),
            // The engine clears away, and one of another name.
            (40, process(1, "0::/engine", &["containerd-shim-runc-v2", "-id", "aaa", "delete"])),
            (41, process(1, "0::/docker/aaaa", &[])),
            (42, process(43, "0::/", &[])),
            (43, process(42, "0::/", &[])),
        ]);
        let found = of(&processes, &BTreeSet::from(["aaa", "bbb", "ccc", "ddd", "eee"]));
        let expected = [("aaa", vec![10, 11, 12, 13]), ("bbb", vec![20]), ("ccc", vec![30, 31]), ("eee", vec![50, 51])];
        let expected = expected.map(|(id, pids)| (id.to_owned(), pids.into_iter().collect()));
        assert_eq!(found, BTreeMap::from(expected));
    }

    #[test]
    fn of_this_machine_nobody_is_found_for_an_id_that_nobody_has() {
        assert_eq!(Procs::default().of_containers(&BTreeSet::from(["never-there"])).unwrap(), BTreeMap::new());
    }
}
