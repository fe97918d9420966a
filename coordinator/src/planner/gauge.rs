//! Reads every limit of a host off: how much would be in use, how much there is.

use throng_common::scenario::model::Scenario;
use throng_common::sysctl_keys as key;

use super::arithmetic::{Term, total};
use super::demand::{Demand, ENGINE_FILES_BASE, INOTIFY_BASE, MOUNTS_BASE};
use super::hosts::HostBase;
use super::limit::{LimitName, Unit};
use super::needs::{ENGINE_FILES_EACH, ENGINE_TASKS_EACH, NODE_CONNECTIONS_EXPECTED, RoleNeeds};
use super::plan::MemorySum;
use super::tuning::{NAMESPACE_KEYS, Setting, Want, setting};

/// Memory maps that one process is expected to have: a JVM with its libraries and stacks.
const MAPS_EXPECTED: u64 = 2_000;

/// One limit of one host.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gauge {
    /// Which.
    pub(super) name: LimitName,
    /// The host's place.
    pub(super) host: usize,
    /// What would be in use, part by part.
    pub(super) terms: Vec<Term>,
    /// How much there is under this plan.
    pub(super) bound: u64,
    /// How much there could be under a larger one: tuning grows with the plan.
    pub(super) reach: u64,
    /// In what it is counted.
    pub(super) unit: Unit,
    /// Where the bound comes from, for people.
    pub(super) why: String,
}

impl Gauge {
    /// How much would be in use.
    pub(super) fn used(&self) -> u64 {
        total(&self.terms)
    }

    /// Whether it cannot be had.
    pub(super) fn is_exceeded(&self) -> bool {
        self.used() > self.reach
    }
}

/// What the gauges of one host are read from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dials<'a> {
    /// The scenario.
    pub(super) scenario: &'a Scenario,
    /// The host.
    pub(super) host: &'a HostBase<'a>,
    /// Its place.
    pub(super) position: usize,
    /// The roles.
    pub(super) needs: &'a [RoleNeeds<'a>],
    /// Nodes of each role on it.
    pub(super) counts: &'a [u32],
    /// What they amount to.
    pub(super) demand: &'a Demand,
    /// What the profile wants for it.
    pub(super) wants: &'a [Want],
    /// Its memory.
    pub(super) memory: &'a MemorySum,
}

impl<'a> Dials<'a> {
    /// All limits but the ports, which only their allocation can tell.
    pub(super) fn gauges(&self) -> Vec<Gauge> {
        let mut gauges = vec![self.memory()];
        gauges.extend(self.tasks(LimitName::PidMax, key::PID_MAX));
        gauges.extend(self.tasks(LimitName::ThreadsMax, key::THREADS_MAX));
        gauges.extend(self.node_files());
        gauges.extend(self.engine_files());
        gauges.extend(self.file_max());
        gauges.extend(self.inotify());
        gauges.extend(self.keyrings());
        gauges.extend(self.mounts());
        gauges.extend(self.namespaces());
        gauges.extend(self.maps());
        gauges.extend(self.neighbours());
        gauges.extend(self.followed());
        gauges
    }

    fn gauge(&self, name: LimitName, terms: Vec<Term>, bound: Setting, why: String) -> Gauge {
        let unit = Unit::Count;
        Gauge { name, host: self.position, terms, bound: bound.then, reach: bound.reach, unit, why }
    }

    fn setting(&self, key: &str) -> Option<Setting> {
        setting(self.host, &self.scenario.tuning, self.wants, key)
    }

    /// `each` for the nodes of every role that lie here.
    fn by_role(&self, each: impl Fn(&RoleNeeds<'a>) -> u64) -> Vec<Term> {
        let here = self.needs.iter().zip(self.counts).filter(|(_, count)| **count > 0);
        here.map(|(need, count)| Term::many(u64::from(*count), need.name.as_str(), each(need))).collect()
    }

    fn memory(&self) -> Gauge {
        let memory = self.memory;
        let mut terms: Vec<Term> = memory
            .roles
            .iter()
            .map(|role| Term::many(u64::from(role.count), role.role.as_str(), role.each.as_bytes()))
            .collect();
        terms.push(Term::many(u64::from(memory.containers), "containers", memory.engine_each.as_bytes()));
        terms.push(Term::once("other clusters", memory.others.as_bytes()));
        terms.push(Term::once("reserve", memory.reserve.as_bytes()));
        let bound = memory.bound().as_bytes();
        let why = if memory.bound() == memory.total {
            "the host's memory".to_owned()
        } else {
            format!("the host's memory {} × overcommit {}", memory.total, memory.overcommit)
        };
        let (name, unit) = (LimitName::Memory, Unit::Bytes);
        Gauge { name, host: self.position, terms, bound, reach: bound, unit, why }
    }

    fn tasks(&self, name: LimitName, key: &str) -> Option<Gauge> {
        let mut terms = vec![Term::once("running now", self.host.baseline.tasks)];
        terms.extend(self.by_role(RoleNeeds::tasks_expected));
        let ancestors = if self.host.input.facts.child_pid_namespace && key == key::PID_MAX {
            "; the agent lies in a child pid namespace: the bound of those around it is unknown and may be lower"
        } else {
            ""
        };
        let why = format!("{key}; a container counts {ENGINE_TASKS_EACH} tasks of the engine{ancestors}");
        Some(self.gauge(name, terms, self.setting(key)?, why))
    }

    fn node_files(&self) -> Vec<Gauge> {
        let facts = &self.host.input.facts;
        let here = self.needs.iter().zip(self.counts).filter(|(_, count)| **count > 0);
        let gauge = |(need, _): (&RoleNeeds<'_>, &u32)| {
            let nofile = need.role.nofile?;
            let (hard, lifts, whose) = if need.is_container() {
                (facts.engine_nofile_hard?, facts.engine_lifts_limits, "engine")
            } else {
                (facts.agent_nofile_hard, facts.agent_lifts_limits, "agent")
            };
            let (bound, why) = match self.setting(key::NR_OPEN).filter(|_| lifts) {
                Some(bound) => (bound, format!("{}; the {whose} may give as much", key::NR_OPEN)),
                None => (
                    Setting { then: hard, reach: hard },
                    format!("the {whose}'s hard limit of open files; a node cannot have more"),
                ),
            };
            let terms = vec![Term::once(format!("role.{}.nofile", need.name), nofile)];
            Some(self.gauge(LimitName::NodeFiles(need.name.clone()), terms, bound, why))
        };
        here.filter_map(gauge).collect()
    }

    fn engine_files(&self) -> Option<Gauge> {
        let bound = self.host.input.facts.engine_nofile_hard.filter(|_| self.demand.containers > 0)?;
        let terms = vec![
            Term::once("idle", ENGINE_FILES_BASE),
            Term::many(self.demand.containers, "containers", ENGINE_FILES_EACH),
        ];
        let why = "the engine's hard limit of open files".to_owned();
        Some(self.gauge(LimitName::EngineFiles, terms, Setting { then: bound, reach: bound }, why))
    }

    fn file_max(&self) -> Option<Gauge> {
        let mut terms = vec![Term::once("open now", self.host.baseline.open_files)];
        terms.extend(self.by_role(RoleNeeds::files_expected));
        Some(self.gauge(LimitName::FileMax, terms, self.setting(key::FILE_MAX)?, key::FILE_MAX.to_owned()))
    }

    fn inotify(&self) -> Option<Gauge> {
        let shims = self.demand.inotify.saturating_sub(INOTIFY_BASE);
        let terms = vec![Term::once("the system", INOTIFY_BASE), Term::many(shims, "containers", 1)];
        let why = format!("{}; with cgroup v2 every shim has one", key::INOTIFY_INSTANCES);
        Some(self.gauge(LimitName::Inotify, terms, self.setting(key::INOTIFY_INSTANCES)?, why))
    }

    fn keyrings(&self) -> Option<Gauge> {
        let terms =
            vec![Term::once("held now", self.host.baseline.keys), Term::many(self.demand.containers, "containers", 1)];
        Some(self.gauge(LimitName::Keyrings, terms, self.setting(key::ROOT_MAXKEYS)?, key::ROOT_MAXKEYS.to_owned()))
    }

    fn mounts(&self) -> Option<Gauge> {
        let mut terms = vec![Term::once("the system", MOUNTS_BASE)];
        terms.extend(self.by_role(RoleNeeds::mounts));
        Some(self.gauge(LimitName::Mounts, terms, self.setting(key::MOUNT_MAX)?, key::MOUNT_MAX.to_owned()))
    }

    /// The kind of which there may be fewest.
    fn namespaces(&self) -> Option<Gauge> {
        let (bound, key) = NAMESPACE_KEYS
            .into_iter()
            .filter_map(|key| Some((self.setting(key)?, key)))
            .min_by_key(|(setting, _)| (setting.reach, setting.then))?;
        let terms = vec![Term::many(self.demand.containers, "containers", 1)];
        Some(self.gauge(LimitName::Namespaces, terms, bound, key.to_owned()))
    }

    fn maps(&self) -> Option<Gauge> {
        let terms = vec![Term::once("a large JVM", MAPS_EXPECTED)];
        let why = format!("{}; counted for each process, more nodes add none", key::MAX_MAP_COUNT);
        Some(self.gauge(LimitName::Maps, terms, self.setting(key::MAX_MAP_COUNT)?, why))
    }

    /// Only where there are several addresses: on one host nobody is a neighbour, for what a machine says to an address
    /// of its own goes over `lo`. So the table of IPv6 cannot run out: an IPv6 address can only be `fleet.address`, which
    /// is for one host.
    fn neighbours(&self) -> Option<Gauge> {
        let bound = self.setting(key::NEIGH_THRESH3).filter(|_| self.demand.hosts > 1)?;
        let terms = vec![Term::many(self.demand.hosts, "hosts", 1)];
        Some(self.gauge(LimitName::Neighbours, terms, bound, key::NEIGH_THRESH3.to_owned()))
    }

    /// Only where the kernel can follow connections. Whether a rule makes it do so (an engine's, with its `iptables`) is
    /// not looked at: rules come and go, and when the table is full, packets are dropped without a word.
    fn followed(&self) -> Option<Gauge> {
        let bound = self.setting(key::CONNTRACK_MAX)?;
        let mut terms = vec![Term::once("followed now", self.host.baseline.followed)];
        terms.extend(self.by_role(|_| NODE_CONNECTIONS_EXPECTED));
        let why = format!("{}; over loopback too, and for two minutes after their end", key::CONNTRACK_MAX);
        Some(self.gauge(LimitName::Followed, terms, bound, why))
    }
}
