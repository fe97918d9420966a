//! The clusters of the loop: one that stays, one that comes and goes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use serde_json::Value;
use throng_common::ids::random_suffix;

use super::clean::{MARK_PREFIX, NAME_PREFIX, NETWORK, PORTS, note, remove_leftovers};
use super::daemons::Address;
use crate::invariants::{
    Decoys, Expected, ExpectedCluster, ExpectedNode, Kind, Observation, ProcessId, Scope, Violation, foreign_lines,
    observe, violations,
};
use crate::programs::Build;
use crate::site::{COMMAND_TIMEOUT, Site, nodes};
use crate::{engine, host, tiny};

const FARM: &str = include_str!("../../fixtures/farm.toml");
const SIDE: &str = include_str!("../../fixtures/side.toml");

/// The pools of both clusters' ports, as their scenarios have them.
const FARM_PORTS: RangeInclusive<u16> = 29_000..=29_499;
const SIDE_PORTS: RangeInclusive<u16> = 29_500..=29_899;
/// The address of the second one.
const SIDE_ADDRESS: Ipv4Addr = Ipv4Addr::new(NETWORK[0], NETWORK[1], NETWORK[2], 9);
/// What the second one sets: settings that nothing else on a machine changes.
const SIDE_SETTINGS: [&str; 2] = ["fs.inotify.max_queued_events", "net.ipv4.tcp_max_orphans"];
/// What any throng may change: compared only while this one is the only one.
const SHARED_SETTINGS: [&str; 9] = [
    "fs.file-max",
    "fs.inotify.max_user_instances",
    "fs.inotify.max_user_watches",
    "kernel.pid_max",
    "kernel.threads-max",
    "net.core.somaxconn",
    "net.core.netdev_max_backlog",
    "net.ipv4.tcp_max_syn_backlog",
    "vm.max_map_count",
];
/// How many workers the first one has between rounds.
pub(super) const WORKERS: u32 = 16;

/// The loop's throng with its clusters.
#[derive(Debug)]
pub(super) struct Farm {
    /// The throng.
    pub(super) site: Site,
    /// The cluster that stays.
    pub(super) cluster: String,
    /// Where the coordinator is.
    pub(super) address: Address,
    scope: Scope,
    decoys: Option<Decoys>,
    /// Settings before anything, and while only the first cluster is up.
    before: BTreeMap<String, String>,
    between: BTreeMap<String, String>,
    foreign_hosts: String,
}

impl Farm {
    /// Clears what an earlier loop left, brings the first cluster up and plants decoys.
    pub(super) fn begin() -> Self {
        remove_leftovers();
        let suffix = random_suffix(6);
        let site = Site::new(&format!("{NAME_PREFIX}{suffix}"), &format!("{MARK_PREFIX}{suffix}"), Build::Killable);
        let keys = SIDE_SETTINGS.iter().chain(&SHARED_SETTINGS).map(|key| (*key).to_owned());
        let scope = Scope {
            name_prefix: NAME_PREFIX.to_owned(),
            run_dir: site.run_dir().to_owned(),
            disk_dir: site.agent_state_dir().join("disk"),
            ports: PORTS,
            network: NETWORK,
            settings: keys.collect(),
        };
        let before = crate::invariants::settings(&scope.settings);
        note(site.folder(), &before);
        for (file, text, name) in [("farm.toml", FARM, "f"), ("side.toml", SIDE, "s")] {
            tiny::write_scenario(site.folder(), file, &format!("{}{name}", site.name()), text);
        }
        let _ = site.throng_within(COMMAND_TIMEOUT * 2, &["up", "farm.toml"]).expect_code(0);
        let cluster = site.cluster();
        let address = Address::ask(&site);
        let image = engine::containers(&format!("throng-{cluster}-"))[0].image.clone();
        let decoys = Some(Decoys::plant(site.name(), &image));
        let hosts = fs::read_to_string("/etc/hosts").expect("/etc/hosts can be read");
        let foreign_hosts = foreign_lines(&hosts);
        let between = crate::invariants::settings(&scope.settings);
        Self { site, cluster, address, scope, decoys, before, between, foreign_hosts }
    }

    /// The name of the second cluster's scenario.
    pub(super) fn side_name(&self) -> String {
        format!("{}s", self.site.name())
    }

    /// Everything as it is now.
    pub(super) fn observe(&self) -> Observation {
        observe(&self.scope, self.decoys.as_ref())
    }

    /// What should be there: the first cluster with its nodes as they are, but for `touched` ones, which may become
    /// other processes.
    pub(super) fn expected(&self, workers: u32, seen: &Observation, touched: &BTreeSet<String>) -> Expected {
        let names = ["hub-0000".to_owned()].into_iter().map(|name| (name, Kind::Process, 0));
        let plain = (0..4).map(|index| (format!("plain-{index:04}"), Kind::Process, 1));
        let workers = (0..workers).map(|index| (format!("worker-{index:04}"), Kind::Container, 1));
        let nodes = names.chain(plain).chain(workers).map(|(name, kind, ramdisks)| {
            let kept = process_of(seen, &self.cluster, &name).filter(|_| !touched.contains(&name));
            (name, ExpectedNode { kind, ramdisks, kept })
        });
        let cluster = ExpectedCluster { nodes: nodes.collect(), pool: Some(FARM_PORTS), address: None };
        Expected {
            clusters: BTreeMap::from([(self.cluster.clone(), cluster)]),
            settings: self.comparable(&self.between),
            ..self.nothing()
        }
    }

    /// The second cluster as it should be.
    pub(super) fn side_expected() -> ExpectedCluster {
        let solo = (0..2).map(|index| (format!("solo-{index:04}"), Kind::Process));
        let pair = (0..3).map(|index| (format!("pair-{index:04}"), Kind::Container));
        let node = |(name, kind)| (name, ExpectedNode { kind, ramdisks: 2, kept: None });
        let nodes = solo.chain(pair).map(node).collect();
        ExpectedCluster { nodes, pool: Some(SIDE_PORTS), address: Some(SIDE_ADDRESS) }
    }

    /// What should be there when every cluster is gone.
    fn nothing(&self) -> Expected {
        Expected {
            name_prefix: NAME_PREFIX.to_owned(),
            clusters: BTreeMap::new(),
            settings: self.comparable(&self.before),
            foreign_hosts: self.foreign_hosts.clone(),
            foreign_ports: vec![crate::invariants::FOREIGN_PORT..=crate::invariants::FOREIGN_PORT],
        }
    }

    /// Settings that nobody else can have changed.
    fn comparable(&self, settings: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let shared = host::has_other_agents(self.site.mark());
        let own = |key: &String| !shared || SIDE_SETTINGS.contains(&key.as_str());
        settings.iter().filter(|(key, _)| own(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Takes everything down as a user does; what is not as it was before.
    pub(super) fn end(mut self) -> Vec<String> {
        let stopped = self.site.throng(&["stop", "--down"]);
        let found = violations(&self.nothing(), &self.observe());
        let mut problems: Vec<String> = found.iter().map(Violation::to_string).collect();
        if stopped.code != Some(0) {
            problems.push(stopped.to_string());
        }
        drop(self.decoys.take());
        remove_leftovers();
        engine::remove_images(&format!("throng/{}", self.site.name()));
        problems
    }

    /// Removes everything by force.
    pub(super) fn raze(mut self) {
        drop(self.decoys.take());
        remove_leftovers();
        engine::remove_images(&format!("throng/{}", self.site.name()));
    }
}

/// The process of a node that runs once.
fn process_of(seen: &Observation, cluster: &str, name: &str) -> Option<ProcessId> {
    crate::invariants::processes_of(seen, cluster, name).into_iter().next()
}

/// The nodes of a cluster that are ready, by `throng ps`.
pub(super) fn ready(ps: &Value) -> usize {
    nodes(ps).iter().filter(|node| node["phase"] == "ready").count()
}
