//! What every subject brings up: the containers that throng asks for, one by one, with their ramdisks and their names.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde_json::Value;

use super::engine::Engine;
use super::recorder::Created;
use crate::wait::wait_for;

/// How long a worker may take from its start to its first answer, beside all others.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long one attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// What all workers' ramdisks hold.
pub(super) const RAMDISK_BYTES: u64 = 1 << 20;
/// Where a worker finds its ramdisk.
pub(super) const RAMDISK_PATH: &str = "/data";
/// The file of names: a bind as the ramdisk is, and no ramdisk.
const HOSTS_FILE: &str = "/etc/hosts";

/// Containers as throng asks for them, under another cluster's name and with places of their own.
#[derive(Debug, Clone)]
pub(super) struct Load {
    /// Their names, and the bodies that create them.
    pub(super) containers: Vec<Created>,
    /// What their names begin with.
    pub(super) prefix: String,
    ramdisks: Vec<PathBuf>,
    hosts_file: PathBuf,
}

impl Load {
    /// The containers of a cluster that throng brought up, for another cluster of this name: what stands for the cluster
    /// is replaced by a name of the same length, and the fleet by another one, so that throng does not take them for its
    /// own. Nothing else differs.
    pub(super) fn like(created: &[Created], cluster: &str, other: &str) -> Self {
        assert_eq!(cluster.len(), other.len(), "bodies are to be of the same length");
        let fleet = json(&created[0])["Labels"]["throng.fleet"].as_str().expect("throng labels its fleet").to_owned();
        let foreign: String = fleet.chars().rev().collect();
        let one = |created: &Created| Created {
            name: created.name.replace(cluster, other),
            body: created.body.replace(cluster, other).replace(&fleet, &foreign),
        };
        let containers: Vec<Created> = created.iter().map(one).collect();
        assert!(containers.iter().zip(created).all(|(ours, theirs)| ours.body.len() == theirs.body.len()));
        let sources = |target: &'static str| containers.iter().filter_map(move |container| source(container, target));
        let ramdisks = sources(RAMDISK_PATH).collect();
        let hosts_file = sources(HOSTS_FILE).next().expect("throng gives every container the names of all nodes");
        Self { prefix: format!("throng-{other}-"), ramdisks, hosts_file, containers }
    }

    /// The first so many of them.
    pub(super) fn first(&self, count: usize) -> Self {
        let containers = self.containers.iter().take(count).cloned().collect();
        Self { containers, ..self.clone() }
    }

    /// Mounts the ramdisks and writes the file of names: what throng does by itself is done for others beforehand.
    pub(super) fn provide(&self) -> Provided<'_> {
        for folder in &self.ramdisks {
            fs::create_dir_all(folder).expect("a folder below /run can be made");
            let options = format!("size={RAMDISK_BYTES},mode=1777");
            let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
            mount(Some("bench"), folder, Some("tmpfs"), flags, Some(options.as_str())).expect("root may mount");
        }
        fs::write(&self.hosts_file, "127.0.0.1 localhost\n").expect("a folder below /run can be written");
        Provided(self)
    }

    /// Their bodies, read.
    pub(super) fn bodies(&self) -> Vec<(String, Value)> {
        self.containers.iter().map(|container| (container.name.clone(), json(container))).collect()
    }
}

/// The ramdisks, for as long as this lives.
#[derive(Debug)]
pub(super) struct Provided<'a>(&'a Load);

impl Drop for Provided<'_> {
    fn drop(&mut self) {
        for folder in &self.0.ramdisks {
            let _ = umount2(folder, MntFlags::MNT_DETACH);
        }
        let _ = fs::remove_dir_all(self.0.hosts_file.parent().expect("it lies in the cluster's folder"));
    }
}

fn json(created: &Created) -> Value {
    serde_json::from_str(&created.body).expect("throng sends JSON")
}

/// Where a container's bind comes from.
fn source(container: &Created, target: &str) -> Option<PathBuf> {
    let body = json(container);
    let mounts = body["HostConfig"]["Mounts"].as_array()?;
    let found = mounts.iter().find(|mount| mount["Target"] == target)?;
    found["Source"].as_str().map(PathBuf::from)
}

/// The gate that every subject passes before its time counts: so many containers run, each answers on a port of its own
/// and has the very ramdisk that it should have.
pub(super) fn expect_up(engine: &Engine, prefix: &str, count: usize) {
    let running: Vec<Value> =
        engine.containers().into_iter().filter(|found| named(found, prefix) && found["State"] == "running").collect();
    assert_eq!(running.len(), count, "containers named {prefix}… that run");
    let mut addresses = Vec::new();
    for container in &running {
        let id = container["Id"].as_str().unwrap_or_default();
        let seen = engine.with(async |api| api.ask(&format!("/containers/{id}/json")).await);
        let seen = seen.unwrap_or_else(|problem| panic!("{id}: {problem}"));
        let words = seen["Config"]["Cmd"].as_array().cloned().unwrap_or_default();
        addresses.extend(words.iter().filter_map(|word| word.as_str()?.parse::<SocketAddr>().ok()));
        expect_ramdisk(seen["State"]["Pid"].as_u64().unwrap_or_default());
    }
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), count, "workers' addresses");
    for address in addresses {
        wait_for(&format!("{address} answers"), ANSWER_TIMEOUT, || {
            TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).map(drop).map_err(|error| error.to_string())
        });
    }
}

/// Nothing of so named containers is left, and no mount of theirs.
pub(super) fn expect_gone(engine: &Engine, prefix: &str, folder: Option<&Path>) {
    let left: Vec<Value> = engine.containers().into_iter().filter(|found| named(found, prefix)).collect();
    assert!(left.is_empty(), "containers named {prefix}… that are left: {left:#?}");
    if let Some(folder) = folder {
        let mounts = crate::host::mounts(&folder.display().to_string());
        assert!(mounts.is_empty(), "mounts that are left: {mounts:?}");
    }
}

fn named(container: &Value, prefix: &str) -> bool {
    container["Names"][0].as_str().is_some_and(|name| name.trim_start_matches('/').starts_with(prefix))
}

/// The process sees a tmpfs of the right size where its ramdisk belongs.
fn expect_ramdisk(pid: u64) {
    let table = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
    let line = table.lines().find(|line| line.split(' ').nth(4) == Some(RAMDISK_PATH));
    let line = line.unwrap_or_else(|| panic!("process {pid} has no {RAMDISK_PATH}"));
    let size = format!("size={}k", RAMDISK_BYTES / 1024);
    assert!(line.contains(" - tmpfs ") && line.contains(&size), "process {pid} has {line}");
}
