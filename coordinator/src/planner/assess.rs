//! Judges a cluster of any size against its hosts, without building the whole plan: what is asked again and again while
//! looking for the count at which a limit breaks.

use std::collections::{BTreeMap, BTreeSet};

use throng_common::ids::{HostId, NodeName, RoleName};
use throng_common::scenario::model::Scenario;

use super::allocator::Allocator;
use super::arithmetic::Term;
use super::demand::{Demand, demand};
use super::gauge::{Dials, Gauge};
use super::hosts::HostBase;
use super::limit::{LimitName, Unit};
use super::memory;
use super::needs::{NODES_PER_ROLE_MAX, RoleNeeds};
use super::placement::{Kept, Places};
use super::plan::{NodePlan, Plan};
use super::tuning::{Want, profile};

/// A scenario on its hosts, ready to be judged.
#[derive(Debug)]
pub(super) struct Assessor<'a> {
    /// The scenario.
    pub(super) scenario: &'a Scenario,
    /// The hosts.
    pub(super) hosts: Vec<HostBase<'a>>,
    /// The roles.
    pub(super) needs: Vec<RoleNeeds<'a>>,
    /// The place of the largest role in `needs`.
    pub(super) largest: usize,
    /// The highest count of the largest role that can be judged.
    pub(super) ceiling: u32,
    places: Places,
    /// By host: its ports before this cluster takes any.
    free_ports: Vec<Allocator>,
    /// By host, then role and index: what the plan before gave the node.
    before: Vec<BTreeMap<(usize, u32), &'a NodePlan>>,
}

/// A host on which a node's ports find no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shortage {
    /// The host's place.
    pub(super) host: usize,
    /// The role's place.
    pub(super) role: usize,
}

/// A node with the first port of its block; 0 until it is found, any other number for a role without ports.
#[derive(Debug, Clone, Copy)]
struct Found {
    role: usize,
    index: u32,
    first: u32,
}

impl<'a> Assessor<'a> {
    /// Puts together what every judgement needs.
    pub(super) fn new(
        scenario: &'a Scenario,
        hosts: Vec<HostBase<'a>>,
        needs: Vec<RoleNeeds<'a>>,
        previous: Option<&'a Plan>,
    ) -> Self {
        let weights: Vec<u64> = hosts.iter().map(|host| memory::available(host, &scenario.fleet).as_bytes()).collect();
        let kept: Vec<Kept> = needs.iter().map(|need| kept(need, &hosts, previous)).collect();
        let free_ports = hosts.iter().map(|host| Allocator::new(&host.pool, &host.taken, needs.len())).collect();
        let before = hosts.iter().map(|host| nodes_before(host, &needs)).collect();
        let largest = largest(&needs);
        let ceiling = look_ahead(needs[largest].role.count);
        let mut lengths: Vec<u32> = needs.iter().map(|need| need.role.count).collect();
        lengths[largest] = ceiling;
        let places = Places::new(&needs, &weights, &kept, &lengths);
        Self { scenario, hosts, needs, largest, ceiling, places, free_ports, before }
    }

    /// The id of the host at this place.
    pub(super) fn host_id(&self, position: usize) -> HostId {
        self.hosts[position].input.host.clone()
    }

    /// The scenario's counts, by role.
    pub(super) fn counts(&self) -> Vec<u32> {
        self.needs.iter().map(|need| need.role.count).collect()
    }

    /// The counts with another one for the largest role.
    pub(super) fn counts_with(&self, largest: u32) -> Vec<u32> {
        let mut counts = self.counts();
        counts[self.largest] = largest;
        counts
    }

    /// By host, then role: how many nodes.
    pub(super) fn by_host(&self, counts: &[u32]) -> Vec<Vec<u32>> {
        self.places.counts(counts)
    }

    /// What a host must bear, and what the profile wants for it.
    pub(super) fn demand(&self, host: usize, here: &[u32], counts: &[u32]) -> (Demand, Vec<Want>) {
        let nodes = counts.iter().map(|count| u64::from(*count)).sum();
        let hosts = u64::try_from(self.hosts.len()).expect("hosts are few");
        let demand = demand(&self.hosts[host], &self.needs, here, (nodes, hosts));
        let wants = profile(&demand);
        (demand, wants)
    }

    /// All limits of all hosts but the ports.
    pub(super) fn gauges(&self, counts: &[u32]) -> Vec<Gauge> {
        let mut gauges = Vec::new();
        for (position, here) in self.by_host(counts).iter().enumerate() {
            let host = &self.hosts[position];
            let (demand, wants) = self.demand(position, here, counts);
            let memory = memory::sum(host, &self.scenario.fleet, &self.needs, here);
            let dials = Dials {
                scenario: self.scenario,
                host,
                position,
                needs: &self.needs,
                counts: here,
                demand: &demand,
                wants: &wants,
                memory: &memory,
            };
            gauges.extend(dials.gauges());
        }
        gauges
    }

    /// The ports of all hosts, for a plan whose ports found room.
    pub(super) fn port_gauges(&self, counts: &[u32]) -> Vec<Gauge> {
        let by_host = self.by_host(counts);
        by_host.iter().enumerate().map(|(position, here)| self.port_gauge(position, here)).collect()
    }

    /// The ports that the blocks of a host take out of the pool.
    pub(super) fn port_gauge(&self, position: usize, here: &[u32]) -> Gauge {
        let host = &self.hosts[position];
        let pool = self.scenario.fleet.ports;
        let terms = self.needs.iter().zip(here).filter(|(need, count)| **count > 0 && need.layout.block > 0);
        let terms: Vec<Term> = terms
            .map(|(need, count)| Term::many(u64::from(*count), need.name.as_str(), u64::from(need.layout.block)))
            .collect();
        let bound = u64::from(host.free().count());
        let why = format!("free ports of fleet.ports {pool}, outside the range of outgoing connections");
        Gauge { name: LimitName::Ports, host: position, terms, bound, reach: bound, unit: Unit::Count, why }
    }

    /// The limits that cannot be had with so many nodes of the largest role.
    pub(super) fn broken(&self, largest: u32) -> BTreeSet<LimitName> {
        let counts = self.counts_with(largest);
        let exceeded = self.gauges(&counts).into_iter().filter(Gauge::is_exceeded).map(|gauge| gauge.name);
        let mut broken: BTreeSet<LimitName> = exceeded.collect();
        if self.find_ports(&counts).is_err() {
            broken.insert(LimitName::Ports);
        }
        broken
    }

    /// Whether the scenario's own counts exceed nothing.
    pub(super) fn holds(&self) -> bool {
        let counts = self.counts();
        !self.gauges(&counts).iter().any(Gauge::is_exceeded) && self.find_ports(&counts).is_ok()
    }

    /// Gives every node its place, slot and ports, host by host; the first shortage otherwise.
    pub(super) fn assign_ports(&self, counts: &[u32]) -> Result<Vec<Vec<NodePlan>>, Shortage> {
        let found = self.find_ports(counts)?;
        Ok(found.into_iter().enumerate().map(|(host, found)| self.nodes(host, &found)).collect())
    }

    /// Finds ports for every node, host by host.
    fn find_ports(&self, counts: &[u32]) -> Result<Vec<Vec<Found>>, Shortage> {
        if let Some(shortage) = self.plainly_short(counts) {
            return Err(shortage);
        }
        let mut by_host: Vec<Vec<(usize, u32)>> = vec![Vec::new(); self.hosts.len()];
        for (role, hosts) in self.places.assigned(counts).into_iter().enumerate() {
            for (index, host) in (0_u32..).zip(hosts) {
                by_host[*host].push((role, index));
            }
        }
        by_host.iter().enumerate().map(|(host, nodes)| self.find_on_host(host, nodes)).collect()
    }

    /// Whether the sum alone exceeds the pool: saves the allocation.
    fn plainly_short(&self, counts: &[u32]) -> Option<Shortage> {
        for (host, here) in self.by_host(counts).iter().enumerate() {
            let gauge = self.port_gauge(host, here);
            // Nodes that stay may hold ports that lie outside today's pool, so with a plan before, only trying tells.
            if self.hosts[host].before.is_none() && gauge.is_exceeded() {
                let role = (0..here.len()).rev().find(|role| here[*role] > 0 && self.needs[*role].layout.block > 0)?;
                return Some(Shortage { host, role });
            }
        }
        None
    }

    /// Finds ports for the nodes of a host, which come by role and index.
    fn find_on_host(&self, host: usize, nodes: &[(usize, u32)]) -> Result<Vec<Found>, Shortage> {
        let mut ports = self.free_ports[host].clone();
        let mut found = Vec::new();
        for (role, index) in nodes.iter().copied() {
            let before = self.survivor(host, role, index);
            if let Some(node) = before {
                ports.claim(&node.all_ports());
            }
            let first = before.map_or(0, |node| node.block.map_or(1, |block| u32::from(block.first())));
            found.push(Found { role, index, first });
        }
        for node in found.iter_mut().filter(|node| node.first == 0) {
            let layout = &self.needs[node.role].layout;
            node.first = ports.allocate(node.role, layout).ok_or(Shortage { host, role: node.role })?;
        }
        Ok(found)
    }

    /// The nodes of a host, by role and index.
    fn nodes(&self, host: usize, found: &[Found]) -> Vec<NodePlan> {
        let before = |node: &Found| self.survivor(host, node.role, node.index);
        let mut slots = free_slots(found.iter().filter_map(before).map(|node| node.slot).collect());
        let plan = |node: &Found| {
            if let Some(before) = before(node) {
                return before.clone();
            }
            let need = &self.needs[node.role];
            NodePlan {
                name: NodeName::new(need.name.clone(), node.index),
                slot: slots.next().expect("slots never end"),
                block: need.layout.block_at(node.first),
                ports: need.layout.at(node.first).expect("the allocator stays within 1..65535"),
            }
        };
        let mut nodes: Vec<NodePlan> = found.iter().map(plan).collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        nodes
    }

    /// What the plan before gave a node, unless its role's ports have changed since.
    fn survivor(&self, host: usize, role: usize, index: u32) -> Option<&'a NodePlan> {
        let node = *self.before[host].get(&(role, index))?;
        let layout = &self.needs[role].layout;
        let first = node.block.map_or(1, |block| u32::from(block.first()));
        let same = layout.at(first).is_some_and(|ports| ports == node.ports);
        same.then_some(node)
    }
}

/// How many times the scenario's own count is judged.
const LOOK_AHEAD_FACTOR: u32 = 16;
/// The count up to which is judged in any case.
const LOOK_AHEAD_MIN: u32 = 4096;

/// The highest count that is judged, for a role with this one.
fn look_ahead(count: u32) -> u32 {
    count.saturating_mul(LOOK_AHEAD_FACTOR).clamp(LOOK_AHEAD_MIN, NODES_PER_ROLE_MAX)
}

/// Slots that are not among these, ascending.
fn free_slots(used: BTreeSet<u32>) -> impl Iterator<Item = u32> {
    (0..).filter(move |slot| !used.contains(slot))
}

/// By role and index, what the plan before gave the nodes of a host.
fn nodes_before<'a>(host: &HostBase<'a>, needs: &[RoleNeeds<'_>]) -> BTreeMap<(usize, u32), &'a NodePlan> {
    let roles: BTreeMap<&RoleName, usize> = needs.iter().enumerate().map(|(role, need)| (need.name, role)).collect();
    let nodes = host.before.map(|plan| plan.nodes.as_slice()).unwrap_or_default();
    nodes.iter().filter_map(|node| Some(((*roles.get(node.name.role())?, node.name.index()), node))).collect()
}

/// Where the nodes of a role lay before.
fn kept(need: &RoleNeeds<'_>, hosts: &[HostBase<'_>], previous: Option<&Plan>) -> Kept {
    if previous.is_none() {
        return Kept::new();
    }
    let lay = |(position, host): (usize, &HostBase<'_>)| {
        let nodes = host.before.map(|plan| plan.nodes.as_slice()).unwrap_or_default();
        let own = nodes.iter().filter(|node| node.name.role() == need.name);
        own.map(|node| (node.name.index(), position)).collect::<Vec<_>>()
    };
    hosts.iter().enumerate().flat_map(lay).collect()
}

/// The container role with the most nodes, else the role with the most; the first by name among equals. One that is
/// paired has no count of its own accord.
fn largest(needs: &[RoleNeeds<'_>]) -> usize {
    let rank = |position: &usize| {
        let need = &needs[*position];
        (need.role.with.is_none(), need.is_container(), need.role.count, std::cmp::Reverse(need.name))
    };
    (0..needs.len()).max_by_key(rank).expect("a scenario has a role")
}
