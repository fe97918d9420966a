//! Mounts of a test must not reach the host.

use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use crate::root::demand_root;

/// Runs the test in a thread with a mount namespace of its own, from which nothing propagates to the host and which
/// ends, with all its mounts, when the thread does.
pub(crate) fn in_private_mount_namespace(test: impl FnOnce() + Send + 'static) {
    demand_root();
    let run = move || {
        unshare(CloneFlags::CLONE_NEWNS).expect("root may unshare the mount namespace");
        let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, flags, None::<&str>).expect("root may make its mounts private");
        test();
    };
    std::thread::spawn(run).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

/// Unmounts whatever this thread sees below a folder, which cannot be removed before.
pub(crate) fn detach_below(folder: &Path) {
    let table = std::fs::read_to_string("/proc/thread-self/mounts").expect("the mount table can be read");
    let points = table.lines().filter_map(|line| line.split(' ').nth(1)).map(Path::new);
    for point in points.filter(|point| point.starts_with(folder)).collect::<Vec<_>>().into_iter().rev() {
        let _ = umount2(point, MntFlags::MNT_DETACH);
    }
}
