//! Mounts of a test must not reach the host.

use nix::mount::{MsFlags, mount};
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
