//! Kernel settings and addresses of a test must not be the host's.

use nix::sched::{CloneFlags, unshare};

use crate::root::demand_root;

/// Runs the test in a thread with a network namespace of its own. `/proc/sys/net` is that of the thread that opens it.
pub(crate) fn in_private_network_namespace(test: impl FnOnce() + Send + 'static) {
    demand_root();
    let run = move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("root may unshare the network namespace");
        test();
    };
    std::thread::spawn(run).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}
