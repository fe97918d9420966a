//! How many files this agent may have open: it watches, follows and waits for a thousand nodes at once.

use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What processes usually may, where the kernel does not say.
const USUAL_MOST: u64 = 1024;

/// The soft limit with which this agent began.
static BEGAN_WITH: OnceLock<u64> = OnceLock::new();

/// Lets this agent open as many files as it may at most. What it starts for nodes is given the limit that it began with:
/// programs size themselves by it.
pub fn raise() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    if soft >= hard {
        return;
    }
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        // It is raised once in an agent's life.
        Ok(()) => _ = BEGAN_WITH.set(soft),
        Err(error) => tracing::warn!(soft, hard, %error, "the limit of open files stays as it is"),
    }
}

/// The soft limit that was raised; none: none was.
pub fn before() -> Option<u64> {
    BEGAN_WITH.get().copied()
}

/// Most files that may be open.
pub fn most() -> usize {
    let soft = getrlimit(Resource::RLIMIT_NOFILE).map_or(USUAL_MOST, |(soft, _)| soft);
    usize::try_from(soft).unwrap_or(usize::MAX)
}
