//! Tests of the kernel need root.

/// Fails the test, with the remedy, where it does not run as root: it must not count as passed.
pub(crate) fn demand_root() {
    assert!(nix::unistd::geteuid().is_root(), "this test changes the kernel: run it as root (sudo -E cargo test)");
}
