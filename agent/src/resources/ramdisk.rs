//! Ramdisks: a tmpfs for every node.
