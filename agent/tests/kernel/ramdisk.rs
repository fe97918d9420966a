//! Ramdisks are mounted, resized, wiped, verified and unmounted; foreign mounts survive.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use throng_agent::host::mounts::mounter::{Detach, Mounter, Root, TmpfsOptions};
use throng_agent::host::mounts::table::{MountEntry, read_table};
use throng_agent::host::procs::table::Procs;
use throng_agent::paths::Paths;
use throng_agent::resources::ramdisk::apply::apply;
use throng_agent::resources::ramdisk::desired::DesiredRamdisk;
use throng_agent::resources::ramdisk::error::RamdiskError;
use throng_agent::resources::ramdisk::observe::{Observed, observe};
use throng_agent::resources::ramdisk::plan::{Occasion, RamdiskStep, plan};
use throng_agent::resources::ramdisk::verify::{used_bytes, verify, verify_in_process};
use throng_common::host_spec::RamdiskSpec;
use throng_common::size::ByteSize;

use crate::mount_namespace::{detach_below, in_private_mount_namespace};
use crate::names::{cluster, node};

/// The kernel, read through this thread's own mount table: `/proc/self` is the main thread's.
struct ThreadMounter;

impl Mounter for ThreadMounter {
    fn table(&self) -> io::Result<Vec<MountEntry>> {
        read_table(Path::new("/proc"), "thread-self")
    }
    fn mount_tmpfs(&self, path: &Path, tmpfs: TmpfsOptions<'_>) -> io::Result<()> {
        throng_agent::host::mounts::mounter::KernelMounter.mount_tmpfs(path, tmpfs)
    }
    fn remount_tmpfs(&self, path: &Path, options: &str) -> io::Result<()> {
        throng_agent::host::mounts::mounter::KernelMounter.remount_tmpfs(path, options)
    }
    fn set_root(&self, path: &Path, root: Root) -> io::Result<()> {
        throng_agent::host::mounts::mounter::KernelMounter.set_root(path, root)
    }
    fn unmount(&self, path: &Path, how: Detach) -> io::Result<()> {
        throng_agent::host::mounts::mounter::KernelMounter.unmount(path, how)
    }
}

fn spec(name: &str, size: ByteSize, keep_on_restart: bool) -> RamdiskSpec {
    let name = name.to_owned();
    RamdiskSpec { name, path: None, size, inodes: 1000, uid: 1234, gid: 2345, mode: 0o750, keep_on_restart }
}

/// A folder for one test, and the ramdisk that it is about.
struct Bench {
    folder: tempfile::TempDir,
    paths: Paths,
    cluster: throng_common::ids::ClusterId,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("throng-").tempdir().unwrap();
        let paths = Paths::new(&folder.path().join("state"), &folder.path().join("run")).unwrap();
        Self { folder, paths, cluster: cluster() }
    }

    fn desired(&self, spec: &RamdiskSpec) -> DesiredRamdisk {
        DesiredRamdisk::new(&self.paths, &self.cluster, &node(1), spec).unwrap()
    }

    fn table(&self) -> Observed {
        observe(&ThreadMounter, &self.paths.cluster_dir(&self.cluster)).unwrap()
    }

    /// Plans, applies without a failure, and checks that nothing is left to do.
    fn reach(&self, desired: &[DesiredRamdisk], occasion: Occasion) -> Vec<RamdiskStep> {
        let applied = apply(&ThreadMounter, plan(desired, &self.table(), occasion));
        let take = |outcome: throng_agent::resources::outcome::Outcome<RamdiskStep, RamdiskError>| {
            outcome.result.unwrap();
            outcome.step
        };
        let steps = applied.into_iter().map(take).collect();
        assert!(plan(desired, &self.table(), Occasion::Keep).is_empty(), "the second plan is empty");
        steps
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        detach_below(self.folder.path());
    }
}

/// How often the kernel has said in its log that it does not know the word by which a ramdisk stays out of swap.
fn complaints() -> usize {
    let log = std::process::Command::new("dmesg").output().unwrap();
    assert!(log.status.success(), "{log:?}");
    String::from_utf8_lossy(&log.stdout).matches("Unknown parameter 'noswap'").count()
}

#[test]
fn a_kernel_that_cannot_keep_ramdisks_out_of_swap_is_asked_once_and_not_for_every_ramdisk() {
    in_private_mount_namespace(|| {
        let bench = Bench::new();
        let name = |count: usize| (0..count).map(|index| format!("data{index}"));
        let desired = |count| name(count).map(|name| bench.desired(&spec(&name, ByteSize::mib(1), true))).collect();
        let desired: [Vec<_>; 2] = [1, 4].map(desired);
        let _ = bench.reach(&desired[0], Occasion::Keep);
        let before = complaints();
        assert!(bench.reach(&desired[1], Occasion::Keep).len() >= 3);
        assert_eq!(complaints(), before);
    });
}

#[test]
fn a_ramdisk_is_mounted_resized_wiped_and_unmounted() {
    in_private_mount_namespace(|| {
        let bench = Bench::new();
        let small = bench.desired(&spec("data", ByteSize::mib(8), true));
        assert!(matches!(verify(&small), Err(RamdiskError::NotMounted { .. })));
        bench.reach(std::slice::from_ref(&small), Occasion::Keep);
        let device = verify(&small).unwrap();
        let root = fs::metadata(&small.path).unwrap();
        assert_eq!((root.uid(), root.gid(), root.mode() & 0o7777), (1234, 2345, 0o750));

        let file = small.path.join("file");
        fs::write(&file, vec![1u8; 1 << 20]).unwrap();
        assert_eq!(used_bytes(&small.path).unwrap(), 1 << 20);
        let large = bench.desired(&spec("data", ByteSize::mib(12), true));
        assert!(matches!(bench.reach(std::slice::from_ref(&large), Occasion::Restart)[..], [RamdiskStep::Resize(_)]));
        assert_eq!((verify(&large).unwrap(), fs::read(&file).unwrap().len()), (device, 1 << 20));

        let smaller = bench.desired(&spec("data", ByteSize::mib(2), true));
        assert!(matches!(verify(&smaller), Err(RamdiskError::Size { .. })), "one that was not made smaller is noticed");
        bench.reach(std::slice::from_ref(&smaller), Occasion::Restart);
        assert_eq!((verify(&smaller).unwrap(), fs::read(&file).unwrap().len()), (device, 1 << 20));

        let fleeting = bench.desired(&spec("data", ByteSize::mib(12), false));
        let steps = bench.reach(std::slice::from_ref(&fleeting), Occasion::Restart);
        assert!(matches!(steps[..], [RamdiskStep::Wipe(_)]));
        assert!(!file.exists());
        verify(&fleeting).unwrap();
        bench.reach(&[], Occasion::Keep);
        assert_eq!(bench.table(), Observed::default());
    });
}

#[test]
fn a_ramdisk_that_is_kept_gets_its_new_owner_and_keeps_its_data() {
    in_private_mount_namespace(|| {
        let bench = Bench::new();
        let before = spec("data", ByteSize::mib(4), true);
        let first = bench.desired(&before);
        bench.reach(std::slice::from_ref(&first), Occasion::Keep);
        let device = verify(&first).unwrap();
        fs::write(first.path.join("file"), "kept").unwrap();
        let other = bench.desired(&RamdiskSpec { uid: 4321, gid: 5432, mode: 0o2770, ..before });
        assert!(matches!(verify(&other), Err(RamdiskError::Root { .. })), "what was not applied is noticed");
        let steps = bench.reach(std::slice::from_ref(&other), Occasion::Restart);
        assert!(matches!(steps[..], [RamdiskStep::Own(_)]), "{steps:?}");
        assert_eq!(verify(&other).unwrap(), device, "it is the very same one");
        let root = fs::metadata(&other.path).unwrap();
        assert_eq!((root.uid(), root.gid(), root.mode() & 0o7777), (4321, 5432, 0o2770));
        assert_eq!(fs::read_to_string(other.path.join("file")).unwrap(), "kept");
    });
}

#[test]
fn a_ramdisk_cannot_be_made_smaller_than_what_lies_on_it() {
    in_private_mount_namespace(|| {
        let bench = Bench::new();
        let large = bench.desired(&spec("data", ByteSize::mib(4), true));
        bench.reach(std::slice::from_ref(&large), Occasion::Keep);
        fs::write(large.path.join("file"), vec![1u8; 2 << 20]).unwrap();
        let small = bench.desired(&spec("data", ByteSize::mib(1), true));
        let applied = apply(&ThreadMounter, plan(&[small], &bench.table(), Occasion::Keep));
        assert!(matches!(applied[0].result, Err(RamdiskError::Resize { .. })), "{applied:?}");
    });
}

#[test]
fn a_foreign_mount_on_our_path_is_reported_and_survives() {
    in_private_mount_namespace(|| {
        let bench = Bench::new();
        let wanted = bench.desired(&spec("data", ByteSize::mib(1), true));
        fs::create_dir_all(&wanted.path).unwrap();
        mount(Some("throngling:x"), &wanted.path, Some("tmpfs"), MsFlags::empty(), Some("size=64k")).unwrap();
        let before = bench.table();
        let found = plan(&[wanted], &before, Occasion::Restart);
        assert_eq!((found.steps.len(), found.obstacles.len()), (0, 1));
        let torn_down = plan(&[], &before, Occasion::Keep);
        assert!(apply(&ThreadMounter, torn_down).is_empty());
        assert_eq!(bench.table(), before);
    });
}

#[test]
fn a_ramdisk_in_use_is_detached_and_gone_from_the_hosts_table() {
    in_private_mount_namespace(|| {
        let bench = Bench::new();
        let wanted = bench.desired(&spec("data", ByteSize::mib(1), true));
        bench.reach(std::slice::from_ref(&wanted), Occasion::Keep);
        let device = verify(&wanted).unwrap();
        // A container in small: a child with a mount namespace of its own, which sees a copy of the mount.
        let script = "mount --make-rprivate / && echo ready && exec sleep 600";
        let mut child = std::process::Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", script])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        io::BufRead::read_line(&mut io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
        assert_eq!(line, "ready\n");
        let procs = Procs::default();
        verify_in_process(&procs, child.id(), &wanted.path, device).unwrap();
        let other = throng_agent::host::mounts::table::Device { major: 0, minor: device.minor + 100_000 };
        let wrong = verify_in_process(&procs, child.id(), &wanted.path, other).unwrap_err();
        assert!(wrong.to_string().contains("restart the node"), "{wrong}");

        let held = fs::File::create(wanted.path.join("file")).unwrap();
        let applied = apply(&ThreadMounter, plan(&[], &bench.table(), Occasion::Keep));
        assert!(applied.iter().all(|outcome| outcome.result.is_ok()), "{applied:?}");
        assert_eq!(bench.table(), Observed::default());
        drop(held);
        child.kill().unwrap();
        child.wait().unwrap();
    });
}
