//! Faults of throng's own that a test may plant, to see that its checks find them.

use crate::listed::listed;

listed! {
    /// A fault of a daemon.
    Fault {
        /// A ramdisk that is no longer wanted stays mounted.
        SkipUnmount = "agent.skip-unmount",
    }
}
