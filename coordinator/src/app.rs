//! Build, run, drain: the life of the coordinator.
