//! The clusters of the farm: one that stays, one that comes and goes.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde_json::Value;
use throng_common::ids::random_suffix;

use super::clean::{MARK_PREFIX, NAME_PREFIX, NETWORK, PORTS, note, remove_leftovers};
use super::daemons::Address;
use super::wanted::Wanted;
use crate::invariants::{
    Decoys, Expected, ExpectedCluster, ExpectedNode, FOREIGN_PORTS, Kind, Observation, Scope, Violation, foreign_lines,
    observe, processes_of, violations,
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
/// What the second one sets, by its scenario: settings that nothing else on a machine changes.
pub(crate) const SIDE_SETTINGS: [(&str, &str); 2] =
    [("fs.inotify.max_queued_events", "20011"), ("net.ipv4.tcp_max_orphans", "40013")];
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
/// The size of each ramdisk, as the scenarios have it.
const RAMDISK_BYTES: u64 = 1 << 20;
/// How many workers the first one has at the beginning.
pub(crate) const WORKERS: u32 = 16;

/// A throng with its clusters.
#[derive(Debug)]
pub(crate) struct Farm {
    /// The throng.
    pub(crate) site: Site,
    /// The cluster that stays.
    pub(crate) cluster: String,
    /// Where the coordinator is.
    pub(crate) address: Address,
    scope: Scope,
    decoys: Vec<Decoys>,
    /// Settings before anything, and while only the first cluster is up.
    before: BTreeMap<String, String>,
    between: BTreeMap<String, String>,
    foreign_hosts: String,
    image: String,
}

impl Farm {
    /// Clears what an earlier one left, brings the first cluster up and plants decoys.
    pub(crate) fn begin() -> Self {
        Self::of(WORKERS)
    }

    /// The same with so many workers.
    pub(crate) fn of(workers: u32) -> Self {
        Self::at_engine(workers, None)
    }

    /// The same at this engine; none: the machine's.
    pub(crate) fn at_engine(workers: u32, engine: Option<PathBuf>) -> Self {
        let suffix = random_suffix(6);
        let site = Site::new(&format!("{NAME_PREFIX}{suffix}"), &format!("{MARK_PREFIX}{suffix}"), Build::Killable);
        let site = site.at_engine(engine);
        let keys = SIDE_SETTINGS.iter().map(|(key, _)| key).chain(&SHARED_SETTINGS).map(|key| (*key).to_owned());
        let scope = Scope {
            name_prefix: NAME_PREFIX.to_owned(),
            run_dir: site.run_dir().to_owned(),
            disk_dir: site.agent_state_dir().join("disk"),
            ports: PORTS,
            network: NETWORK,
            settings: keys.collect(),
        };
        let before = crate::invariants::settings(&scope.settings);
        note(site.mark(), &before);
        let farm = FARM.replace("workers = 16", &format!("workers = {workers}"));
        for (file, text, name) in [("farm.toml", farm.as_str(), "f"), ("side.toml", SIDE, "s")] {
            tiny::write_scenario(site.folder(), file, &format!("{}{name}", site.name()), text);
        }
        let _ = site.throng_within(COMMAND_TIMEOUT * 2, &["up", "farm.toml"]).expect_code(0);
        let cluster = site.cluster();
        let address = Address::ask(&site);
        let image = engine::containers(&format!("throng-{cluster}-"))[0].image.clone();
        let between = crate::invariants::settings(&scope.settings);
        let (decoys, foreign_hosts) = (Vec::new(), String::new());
        let mut farm = Self { site, cluster, address, scope, decoys, before, between, foreign_hosts, image };
        farm.plant();
        farm
    }

    /// Plants a set of decoys more, as long as there are ports for them.
    pub(crate) fn plant(&mut self) {
        let number = self.decoys.len();
        if let Some(port) = FOREIGN_PORTS.clone().step_by(2).nth(number) {
            self.decoys.push(Decoys::plant(&format!("{}-{number}", self.site.name()), &self.image, port));
            self.remember_hosts();
        }
    }

    /// Takes the decoys away that were planted last; the first ones stay.
    pub(crate) fn unplant(&mut self) {
        if self.decoys.len() > 1 {
            self.decoys.pop();
            self.remember_hosts();
        }
    }

    fn remember_hosts(&mut self) {
        self.foreign_hosts = foreign_lines(&fs::read_to_string("/etc/hosts").expect("/etc/hosts can be read"));
    }

    /// The name of the second cluster's scenario.
    pub(crate) fn side_name(&self) -> String {
        format!("{}s", self.site.name())
    }

    /// Everything as it is now.
    pub(crate) fn observe(&self) -> Observation {
        observe(&self.scope, &self.decoys)
    }

    /// What should be there; `side` is the second cluster's id. Nodes of `before` that nobody touched must be the same
    /// processes still.
    pub(super) fn expected(&self, wanted: &Wanted, side: Option<&str>, before: &Observation) -> Expected {
        let names = ["hub-0000".to_owned()].into_iter().map(|name| (name, Kind::Process, 0));
        let plain = (0..4).map(|index| (format!("plain-{index:04}"), Kind::Process, 1));
        let workers = (0..wanted.workers).map(|index| (format!("worker-{index:04}"), Kind::Container, 1));
        let first = of_nodes(&self.cluster, names.chain(plain).chain(workers), wanted, before);
        let first = ExpectedCluster { pool: Some(FARM_PORTS), ..first };
        let mut clusters = BTreeMap::from([(self.cluster.clone(), first)]);
        let mut settings = self.comparable(&self.between);
        // Others' come below the second cluster's: while it is up it has its own.
        settings.extend(wanted.foreign_settings.clone());
        if let Some(side) = side.filter(|_| wanted.side) {
            let solo = (0..2).map(|index| (format!("solo-{index:04}"), Kind::Process, 2));
            let pair = (0..3).map(|index| (format!("pair-{index:04}"), Kind::Container, 2));
            let second = of_nodes(side, solo.chain(pair), wanted, before);
            let second = ExpectedCluster { pool: Some(SIDE_PORTS), address: Some(SIDE_ADDRESS), ..second };
            clusters.insert(side.to_owned(), second);
            settings.extend(SIDE_SETTINGS.map(|(key, value)| (key.to_owned(), value.to_owned())));
        }
        Expected { clusters, settings, ..self.nothing() }
    }

    /// What should be there when every cluster is gone.
    fn nothing(&self) -> Expected {
        Expected {
            name_prefix: NAME_PREFIX.to_owned(),
            clusters: BTreeMap::new(),
            settings: self.comparable(&self.before),
            foreign_hosts: self.foreign_hosts.clone(),
            foreign_ports: self.decoys.iter().map(|decoys| decoys.port()..=decoys.port()).collect(),
        }
    }

    /// What these settings were while only the first cluster was up.
    pub(crate) fn between<'a>(&'a self, keys: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, String> {
        let of = |key: &str| Some((key.to_owned(), self.between.get(key)?.clone()));
        keys.into_iter().filter_map(of).collect()
    }

    /// Settings that nobody else can have changed.
    fn comparable(&self, settings: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let shared = host::has_other_agents(self.site.mark());
        let own = |key: &String| !shared || SIDE_SETTINGS.iter().any(|(side, _)| side == key);
        settings.iter().filter(|(key, _)| own(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Takes everything down as a user does; what is not as it was before.
    pub(crate) fn end(mut self) -> Vec<String> {
        let stopped = self.site.throng(&["stop", "--down"]);
        let found = violations(&self.nothing(), &self.observe());
        let mut problems: Vec<String> = found.iter().map(Violation::to_string).collect();
        if stopped.code != Some(0) {
            problems.push(stopped.to_string());
        }
        self.decoys.clear();
        remove_leftovers();
        engine::remove_images(&format!("throng/{}", self.site.name()));
        problems
    }

    /// Removes everything by force.
    pub(crate) fn raze(mut self) {
        self.decoys.clear();
        remove_leftovers();
        engine::remove_images(&format!("throng/{}", self.site.name()));
    }
}

/// A cluster with its nodes; each with its ramdisks of 1 MiB.
fn of_nodes(
    cluster: &str,
    nodes: impl Iterator<Item = (String, Kind, usize)>,
    wanted: &Wanted,
    before: &Observation,
) -> ExpectedCluster {
    let node = |(name, kind, ramdisks): (String, Kind, usize)| {
        let runs = processes_of(before, cluster, &name).into_iter().next();
        let kept = runs.filter(|_| !wanted.touched.contains(&name));
        (name, ExpectedNode { kind, ramdisks, ramdisk_bytes: RAMDISK_BYTES, kept })
    };
    ExpectedCluster { nodes: nodes.map(node).collect(), ..ExpectedCluster::default() }
}

/// The nodes of a cluster that are ready, by `throng ps`.
pub(crate) fn ready(ps: &Value) -> usize {
    nodes(ps).iter().filter(|node| node["phase"] == "ready").count()
}
