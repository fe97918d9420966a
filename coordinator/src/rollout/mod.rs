//! Bringing a cluster up in waves: dependencies, rate, quorum, stragglers.
