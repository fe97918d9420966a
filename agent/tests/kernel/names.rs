//! Names that no other test uses at the same time.

use throng_common::ids::{ClusterId, NodeName, RoleName};

/// A cluster of this test's own.
pub(crate) fn cluster() -> ClusterId {
    ClusterId::generate("kernel-test")
}

/// A worker.
pub(crate) fn node(index: u32) -> NodeName {
    NodeName::new(RoleName::new("worker").unwrap(), index)
}
