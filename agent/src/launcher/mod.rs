//! The last step before a process node: limits, cgroup, user, then `exec`. Runs in a process of its own.
