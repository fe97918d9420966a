//! The harness of the end-to-end tests: the two real programs, the real engine, the real kernel.
//!
//! A [`site::Site`] is one test's own throng: its state, its folders, its scenarios. [`site::in_site`] runs a test in
//! one, takes down whatever the test left, and fails it where throng left something that it should not have.

pub mod agent;
pub mod bench;
pub mod campaign;
pub mod coordinator;
pub mod draws;
pub mod engine;
pub mod engine_proxy;
mod farm;
pub mod finished;
pub mod host;
pub mod invariants;
pub mod kill_loop;
pub mod leftovers;
pub mod link;
pub mod panics;
pub mod private_engine;
pub mod programs;
pub mod registry;
pub mod site;
pub mod slow_disk;
pub mod sweep;
pub mod terminal;
pub mod tiny;
pub mod verdicts;
pub mod wait;
