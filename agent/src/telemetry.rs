//! Samples of the host and of its nodes.
