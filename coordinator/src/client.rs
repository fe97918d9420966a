//! The CLI's connection to the coordinator.
