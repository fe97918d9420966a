//! The audit finds each kind of what a teardown can leave in the kernel, and no look-alike.

use std::collections::BTreeSet;
use std::fs;
use std::io::BufRead;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use throng_agent::audit::scan::{LabelledContainer, scan};
use throng_agent::paths::Paths;
use throng_agent::resources::cgroup::cgroups::Cgroups;
use throng_common::host_spec::Limits;
use throng_common::ids::ClusterId;
use throng_common::status::{AuditScope, ResidueKind};

use crate::names::{cluster, node};
use crate::root::demand_root;

/// A process that is ended with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A shell in a mount namespace of its own that mounts a tmpfs, says so and waits: what a container's init would hold.
fn holder_of_mount(source: &str, folder: &std::path::Path) -> Ended {
    let script = format!("mount -t tmpfs -o size=64k {source} '{}' && echo ready && exec sleep 600", folder.display());
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", &script]).stdout(Stdio::piped());
    let mut child = Ended(command.spawn().unwrap());
    let mut line = String::new();
    std::io::BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}

fn bench() -> (tempfile::TempDir, Paths) {
    let folder = tempfile::Builder::new().prefix("throng-").tempdir().unwrap();
    let paths = Paths::new(&folder.path().join("state"), &folder.path().join("run")).unwrap();
    let paths = paths.with_etc_hosts(folder.path().join("etc-hosts"));
    fs::create_dir_all(paths.run_dir()).unwrap();
    fs::write(paths.etc_hosts(), "127.0.0.1 localhost\n").unwrap();
    (folder, paths)
}

fn kinds(scope: &AuditScope, paths: &Paths, containers: &[LabelledContainer]) -> BTreeSet<ResidueKind> {
    let audit = scan(scope, paths, containers);
    assert!(audit.unread.is_empty(), "{:?}", audit.unread);
    assert!(audit.residues.iter().all(|residue| residue.cluster == scope.cluster && !residue.remedy.is_empty()));
    audit.residues.into_iter().map(|residue| residue.kind).collect()
}

fn of(cluster: &ClusterId) -> AuditScope {
    AuditScope { cluster: Some(cluster.clone()), ..AuditScope::default() }
}

/// Waits until just these kinds are found.
fn await_kinds(scope: &AuditScope, paths: &Paths, expected: &[ResidueKind]) {
    let expected = expected.iter().copied().collect::<BTreeSet<_>>();
    let deadline = Instant::now() + Duration::from_secs(10);
    while kinds(scope, paths, &[]) != expected {
        assert!(Instant::now() < deadline, "{expected:?} expected, found {:?}", kinds(scope, paths, &[]));
        std::thread::yield_now();
    }
}

#[test]
fn every_planted_leak_is_found_and_gone_when_it_is_mended() {
    demand_root();
    let (folder, paths) = bench();
    let cluster = cluster();
    let scope = of(&cluster);
    assert_eq!(kinds(&scope, &paths, &[]), BTreeSet::new());

    let mount_point = folder.path().join("data");
    fs::create_dir(&mount_point).unwrap();
    let mount = holder_of_mount(&format!("throng:{cluster}/worker-0001/data"), &mount_point);
    assert_eq!(kinds(&scope, &paths, &[]), BTreeSet::from([ResidueKind::Mount]));
    drop(mount);
    assert_eq!(kinds(&scope, &paths, &[]), BTreeSet::new());

    let mut sleeper = Command::new("sleep");
    sleeper.arg("600").env("THRONG_CLUSTER", cluster.as_str()).env("THRONG_NODE", "worker-0001");
    let sleeper = Ended(sleeper.spawn().unwrap());
    // A program that has just been executed has its environment a moment later.
    await_kinds(&scope, &paths, &[ResidueKind::Process]);
    drop(sleeper);

    let cgroups = Cgroups::discover().unwrap();
    let made = cgroups.ensure(&cluster, &node(1), &Limits::default()).unwrap();
    let member = Ended(Command::new("sleep").arg("600").spawn().unwrap());
    made.group.add(member.0.id()).unwrap();
    assert_eq!(kinds(&scope, &paths, &[]), BTreeSet::from([ResidueKind::Process, ResidueKind::Cgroup]));
    drop(member);
    cgroups.remove_cluster(&cluster).unwrap();

    fs::write(paths.etc_hosts(), format!("127.0.0.1 localhost\n127.84.0.1 w # throng {cluster}\n")).unwrap();
    fs::create_dir_all(paths.cluster_dir(&cluster)).unwrap();
    let container =
        LabelledContainer { id: "0123456789abcdef".to_owned(), name: "x".to_owned(), cluster: Some(cluster.clone()) };
    let expected = BTreeSet::from([ResidueKind::Container, ResidueKind::HostsFile, ResidueKind::Directory]);
    assert_eq!(kinds(&scope, &paths, &[container]), expected);
}

#[test]
fn a_shim_is_known_by_its_arguments() {
    demand_root();
    let (folder, paths) = bench();
    let cluster = cluster();
    let shim_dir = paths.shim_dir(&cluster, &node(1));
    // `argv` reads: sh shim --dir <folder>; what a program is called does not matter, only what it was told.
    let script = folder.path().join("shim");
    fs::write(&script, "read forever").unwrap();
    let mut command = Command::new("sh");
    command.current_dir(folder.path()).args(["shim", "--dir"]).arg(&shim_dir).stdin(Stdio::piped());
    let _child = Ended(command.spawn().unwrap());
    await_kinds(&of(&cluster), &paths, &[ResidueKind::Process]);
}

#[test]
fn look_alikes_are_not_found() {
    demand_root();
    let (folder, paths) = bench();
    let cluster = cluster();
    let mount_point = folder.path().join("data");
    fs::create_dir(&mount_point).unwrap();
    let _mount = holder_of_mount(&format!("throngling:{cluster}/worker-0001/data"), &mount_point);
    let _sleeper = Ended(Command::new("sleep").arg("600").env("THRONG_CLUSTER_", cluster.as_str()).spawn().unwrap());
    // Whoever chose the cluster for a command of throng.
    let _caller = Ended(Command::new("sleep").arg("600").env("THRONG_CLUSTER", cluster.as_str()).spawn().unwrap());
    let mut argument = Command::new("sh");
    argument.args(["-c", "read forever"]).arg(format!("THRONG_CLUSTER={cluster}")).stdin(Stdio::piped());
    let _argument = Ended(argument.spawn().unwrap());
    fs::write(paths.etc_hosts(), format!("127.84.0.1 w # throngling {cluster}\n# {cluster} throng\n")).unwrap();
    fs::create_dir_all(paths.run_dir().join(format!("{cluster}-b"))).unwrap();
    assert_eq!(kinds(&of(&cluster), &paths, &[]), BTreeSet::new());
}
