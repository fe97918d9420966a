//! Which node lies on which host.
//!
//! A node's host depends on its role, its index, the hosts' memory and where earlier nodes of its role lie, never on
//! how many nodes come after it: a node more moves no other, and when N fit, N-1 fit. A node of a role that is paired
//! with another lies where its partner lies.

use std::collections::BTreeMap;

use super::needs::{RoleNeeds, partners};

/// Where a node of the plan before lay: by index, the host's place.
pub(super) type Kept = BTreeMap<u32, usize>;

/// By role and index, the host of every node that may be asked for.
#[derive(Debug, Clone)]
pub(super) struct Places {
    hosts: usize,
    assigned: Vec<Vec<usize>>,
}

impl Places {
    /// Assigns so many nodes of each role as `lengths` says.
    pub(super) fn new(needs: &[RoleNeeds<'_>], weights: &[u64], kept: &[Kept], lengths: &[u32]) -> Self {
        let hosts = Hosts { weights };
        let partners = partners(needs);
        // Whether a partner has as many nodes is looked at when they are counted.
        let length = |role: usize| {
            let pairs = (0..needs.len()).filter(|pair| partners[*pair] == Some(role)).map(|pair| lengths[pair]);
            pairs.fold(lengths[role], u32::max)
        };
        let assigned: Vec<Vec<usize>> =
            (0..needs.len()).map(|role| hosts.assign(needs, role, &kept[role], length(role))).collect();
        let paired = |role: usize| match partners[role] {
            Some(partner) => assigned[partner].iter().copied().take(count_of(lengths[role])).collect(),
            None => assigned[role].clone(),
        };
        Self { hosts: weights.len(), assigned: (0..needs.len()).map(paired).collect() }
    }

    /// By role and index, the host. `counts` gives each role's nodes, at most as many as were assigned.
    pub(super) fn assigned(&self, counts: &[u32]) -> Vec<&[usize]> {
        let prefix = |hosts: &Vec<usize>, count: u32| count_of(count).min(hosts.len());
        self.assigned.iter().zip(counts).map(|(hosts, count)| &hosts[..prefix(hosts, *count)]).collect()
    }

    /// By host and role, how many nodes.
    pub(super) fn counts(&self, counts: &[u32]) -> Vec<Vec<u32>> {
        if self.hosts == 1 {
            return vec![counts.to_vec()];
        }
        let mut by_host = vec![vec![0; counts.len()]; self.hosts];
        for (role, hosts) in self.assigned(counts).into_iter().enumerate() {
            for host in hosts {
                by_host[*host][role] += 1;
            }
        }
        by_host
    }
}

fn count_of(count: u32) -> usize {
    usize::try_from(count).expect("a count of nodes fits into memory's own")
}

/// The hosts as placement sees them.
struct Hosts<'a> {
    /// By host: memory that nodes may have, in bytes.
    weights: &'a [u64],
}

impl Hosts<'_> {
    fn assign(&self, needs: &[RoleNeeds<'_>], role: usize, kept: &Kept, length: u32) -> Vec<usize> {
        let allowed = self.allowed(needs, role);
        let mut seats = vec![0_u64; self.weights.len()];
        for host in kept.values() {
            seats[*host] += 1;
        }
        let give = |index: u32| {
            if let Some(host) = kept.get(&index) {
                return *host;
            }
            let host = self.next(&allowed, &seats, role);
            seats[host] += 1;
            host
        };
        (0..length).map(give).collect()
    }

    /// The hosts on which a role's nodes may lie. Processes have hosts of their own, one a role as far as there are
    /// enough, so that what is measured is not disturbed by containers.
    fn allowed(&self, needs: &[RoleNeeds<'_>], role: usize) -> Vec<usize> {
        let hosts = self.weights.len();
        // Those that are paired lie where their partners do.
        let placed = || needs.iter().filter(|need| need.role.with.is_none());
        let processes = placed().filter(|need| !need.is_container()).count();
        if hosts == 1 || processes == 0 || processes == placed().count() {
            return (0..hosts).collect();
        }
        let own = processes.min(hosts - 1);
        let rank = needs[..role].iter().filter(|need| need.role.with.is_none() && !need.is_container()).count();
        if needs[role].is_container() { (own..hosts).collect() } else { vec![rank % own] }
    }

    /// The host where one node more weighs least by its memory (the method of d'Hondt, which uses the hosts' memory
    /// as well as can be); among equals, roles begin at different hosts.
    fn next(&self, allowed: &[usize], seats: &[u64], role: usize) -> usize {
        let lighter = |a: usize, b: usize| {
            let share = |of: usize, other: usize| u128::from(self.weights[of]) * u128::from(seats[other] + 1);
            share(a, b).cmp(&share(b, a))
        };
        let turned = (0..allowed.len()).map(|step| allowed[(step + role) % allowed.len()]);
        turned.reduce(|best, host| if lighter(host, best).is_gt() { host } else { best }).expect("there is a host")
    }
}
