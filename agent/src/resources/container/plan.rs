//! What a node's container is made of. Pure.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use throng_common::host_spec::{ContainerSpec, FileSpec, NodeSpec};
use throng_common::ids::{ClusterId, NodeName};

use crate::host::engine::labels::{self, Owner};
use crate::host::engine::model::{Bind, ContainerPlan};
use crate::paths::Paths;

/// Where a container finds the names of all nodes.
const HOSTS_FILE: &str = "/etc/hosts";

/// Where what a node's container sees lies on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The cluster's hosts file.
    pub hosts_file: PathBuf,
    /// The mount points of its ramdisks, in the order of its spec.
    pub ramdisks: Vec<PathBuf>,
    /// Its folder on disk; used only where its spec asks for one.
    pub disk: PathBuf,
    /// The folders that it shares, in the order of its spec.
    pub shared: Vec<PathBuf>,
    /// Its rendered files, in the order of its spec.
    pub files: Vec<PathBuf>,
}

impl Places {
    /// The places of the agent's layout; `file` says where a rendered file lies.
    pub fn new(paths: &Paths, cluster: &ClusterId, node: &NodeSpec, file: impl Fn(&FileSpec) -> PathBuf) -> Self {
        Self {
            hosts_file: paths.cluster_hosts(cluster),
            ramdisks: node.ramdisks.iter().map(|disk| paths.ramdisk_dir(cluster, &node.name, &disk.name)).collect(),
            disk: paths.disk_dir(cluster, &node.name),
            shared: node.shared.iter().map(|shared| paths.shared_dir(cluster, &shared.name)).collect(),
            files: node.files.iter().map(file).collect(),
        }
    }
}

/// The name of a node's container.
pub fn container_name(cluster: &ClusterId, node: &NodeName) -> String {
    format!("throng-{cluster}-{node}")
}

/// The name of the container in which a node's prepare command runs.
pub fn prepare_name(cluster: &ClusterId, node: &NodeName) -> String {
    format!("{}-prepare", container_name(cluster, node))
}

/// The container that a node wants.
///
/// It wants the engine's tiny init. Whether the engine has one is its own affair and no part of the digest: an engine
/// that is away, or that comes back as another, makes no other container of one that runs.
pub fn plan(owner: &Owner<'_>, node: &NodeSpec, container: &ContainerSpec, places: &Places) -> ContainerPlan {
    let mut plan = ContainerPlan {
        name: container_name(owner.cluster, owner.node),
        image: container.image.clone(),
        hostname: container.hostname.as_ref().unwrap_or(owner.node).to_string(),
        labels: BTreeMap::new(),
        command: container.command.clone(),
        entrypoint: container.entrypoint.clone(),
        env: node.env.clone(),
        user: container.user.clone(),
        workdir: container.workdir.clone(),
        binds: binds(node, places),
        scratch: container.scratch.clone(),
        capabilities: container.capabilities.clone(),
        read_only: container.read_only,
        memory: node.limits.memory,
        cpu_millis: node.limits.cpu_millis,
        pids: node.limits.pids,
        nofile: node.limits.nofile,
        init: true,
        stop_signal: node.stop.signal,
        stop_grace: node.stop.grace,
    };
    let digest = spec_digest(&plan, node);
    plan.labels = owner.labels(&digest);
    if node.structure.is_some() {
        plan.labels.insert(labels::TEXTS.to_owned(), texts_digest(&plan));
    }
    plan
}

fn binds(node: &NodeSpec, places: &Places) -> Vec<Bind> {
    let writable =
        |source: &PathBuf, target: &String| Bind { source: source.clone(), target: target.clone(), read_only: false };
    let hosts = Bind { source: places.hosts_file.clone(), target: HOSTS_FILE.to_owned(), read_only: true };
    let ramdisks = node.ramdisks.iter().zip(&places.ramdisks);
    let ramdisks = ramdisks.filter_map(|(disk, source)| disk.path.as_ref().map(|target| writable(source, target)));
    let disk = node.disk.as_ref().and_then(|disk| disk.path.as_ref()).map(|target| writable(&places.disk, target));
    let files = node.files.iter().zip(&places.files);
    let files = files.map(|(file, source)| Bind { source: source.clone(), target: file.path.clone(), read_only: true });
    let shared = node.shared.iter().zip(&places.shared).map(|(shared, source)| {
        let target = shared.path.clone().unwrap_or_else(|| source.display().to_string());
        writable(source, &target)
    });
    std::iter::once(hosts).chain(ramdisks).chain(disk).chain(shared).chain(files).collect()
}

/// What decides whether a container is still the one that is wanted: all it was created from, and its files' contents.
#[derive(Serialize)]
struct Digested<'a> {
    plan: &'a ContainerPlan,
    files: &'a [FileSpec],
}

/// The same of a node whose texts say how many nodes there are: its structure stands for its texts.
#[derive(Serialize)]
struct DigestedStructure<'a> {
    plan: &'a ContainerPlan,
    structure: &'a str,
}

/// The digest of a plan without labels, so that a new generation alone changes nothing.
fn spec_digest(plan: &ContainerPlan, node: &NodeSpec) -> String {
    match &node.structure {
        None => digest_of(&Digested { plan, files: &node.files }),
        Some(structure) => {
            let plan =
                ContainerPlan { command: Vec::new(), entrypoint: None, env: Vec::new(), workdir: None, ..plan.clone() };
            digest_of(&DigestedStructure { plan: &plan, structure })
        }
    }
}

/// The digest of the texts that are fixed in a container once it is created. Its files are not: they are written anew at
/// every start.
fn texts_digest(plan: &ContainerPlan) -> String {
    digest_of(&(&plan.command, &plan.entrypoint, &plan.env, &plan.workdir))
}

fn digest_of(what: &impl Serialize) -> String {
    hex::encode(Sha256::digest(serde_json::to_vec(what).expect("plain structs with text keys serialise")))
}

/// Whether a container with these labels can be started again for this plan: its texts are still those that are wanted.
pub fn has_its_texts(found: &BTreeMap<String, String>, plan: &ContainerPlan) -> bool {
    found.get(labels::TEXTS) == plan.labels.get(labels::TEXTS)
}

#[cfg(test)]
mod tests {
    use throng_common::host_spec::{DiskSpec, RamdiskSpec, Workload};
    use throng_common::ids::{FleetId, Generation};
    use throng_common::size::ByteSize;

    use super::*;
    use crate::resources::container::samples::{container_node, container_spec};

    fn planned(node: &NodeSpec, generation: u64) -> ContainerPlan {
        let fleet = FleetId::new("local-ab12").unwrap();
        let cluster = ClusterId::new("redis-x7k2").unwrap();
        let owner = Owner { fleet: &fleet, cluster: &cluster, node: &node.name, generation: Generation(generation) };
        let places = Places::new(&Paths::default(), &cluster, node, |file| PathBuf::from("/f").join(&file.path[1..]));
        plan(&owner, node, container_spec(node), &places)
    }

    fn full_node() -> NodeSpec {
        let mut node = container_node(42);
        node.ramdisks.push(RamdiskSpec {
            name: "data".to_owned(),
            path: Some("/data".to_owned()),
            size: ByteSize::mib(8),
            inodes: 1000,
            uid: 0,
            gid: 0,
            mode: 0o1777,
            keep_on_restart: true,
        });
        node.disk = Some(DiskSpec { path: Some("/disk".to_owned()), keep_on_restart: true });
        node.files.push(FileSpec { path: "/etc/a.conf".to_owned(), contents: b"a".to_vec(), mode: 0o644 });
        node
    }

    #[test]
    fn a_container_is_named_and_labelled_for_its_node() {
        let plan = planned(&container_node(42), 7);
        assert_eq!((plan.name.as_str(), plan.hostname.as_str()), ("throng-redis-x7k2-worker-0042", "worker-0042"));
        let mut paired = container_node(42);
        if let Workload::Container(container) = &mut paired.workload {
            container.hostname = Some("store-0042".parse().unwrap());
        }
        let paired = planned(&paired, 7);
        assert_eq!((paired.name.as_str(), paired.hostname.as_str()), ("throng-redis-x7k2-worker-0042", "store-0042"));
        let expected = [
            (labels::CLUSTER, "redis-x7k2"),
            (labels::ROLE, "worker"),
            (labels::NODE, "worker-0042"),
            (labels::GENERATION, "7"),
        ];
        for (label, value) in expected {
            assert_eq!(plan.labels[label], value, "{label}");
        }
        assert_eq!(plan.labels[labels::SPEC].len(), 64);
    }

    #[test]
    fn a_container_sees_its_names_ramdisks_disk_and_files_and_writes_only_to_its_disks() {
        let plan = planned(&full_node(), 1);
        let seen: Vec<(String, &str, bool)> = plan
            .binds
            .iter()
            .map(|bind| (bind.source.display().to_string(), bind.target.as_str(), bind.read_only))
            .collect();
        let run = "/run/throng/redis-x7k2";
        assert_eq!(
            seen,
            [
                (format!("{run}/hosts"), "/etc/hosts", true),
                (format!("{run}/worker-0042/ramdisk/data"), "/data", false),
                ("/var/lib/throng-agent/disk/redis-x7k2/worker-0042/data".to_owned(), "/disk", false),
                ("/f/etc/a.conf".to_owned(), "/etc/a.conf", true),
            ]
        );
    }

    #[test]
    fn a_new_generation_alone_wants_the_same_container_and_another_files_contents_another_one() {
        let digest = |node: &NodeSpec, generation| planned(node, generation).labels[labels::SPEC].clone();
        let node = full_node();
        assert_eq!(digest(&node, 1), digest(&node, 2));
        let mut changed = node.clone();
        changed.files[0].contents = b"b".to_vec();
        assert_ne!(digest(&node, 1), digest(&changed, 1));
        let mut changed = node.clone();
        changed.limits.memory = Some(ByteSize::mib(17));
        assert_ne!(digest(&node, 1), digest(&changed, 1));
        let mut restarted = node.clone();
        restarted.incarnation = restarted.incarnation.next();
        assert_eq!(digest(&node, 1), digest(&restarted, 1));
    }

    #[test]
    fn another_number_of_nodes_wants_the_same_container_until_it_is_next_started() {
        let with_count = |count: &str, structure: &str| {
            let mut node = full_node();
            node.env.push(("COUNT".to_owned(), count.to_owned()));
            node.files[0].contents = count.as_bytes().to_vec();
            node.structure = Some(structure.to_owned());
            planned(&node, 1)
        };
        let (three, four) = (with_count("3", "s"), with_count("4", "s"));
        assert_eq!(three.labels[labels::SPEC], four.labels[labels::SPEC]);
        assert!(!has_its_texts(&three.labels, &four) && has_its_texts(&three.labels, &three));
        assert_ne!(three.labels[labels::SPEC], with_count("3", "another command").labels[labels::SPEC]);
        // One without such texts has no label of them, and is as good as any.
        let plain = planned(&full_node(), 1);
        assert!(has_its_texts(&plain.labels, &plain) && !plain.labels.contains_key(labels::TEXTS));
    }
}
