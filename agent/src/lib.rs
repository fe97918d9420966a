//! The agent: the root daemon of a host.

pub mod app;
pub mod audit;
pub mod board;
pub mod cli;
pub mod clock;
pub mod enrol;
pub mod enter;
pub mod exec;
pub mod facts;
pub mod fetch;
pub mod host;
pub mod launcher;
pub mod ledger;
pub mod link;
pub mod logs;
pub mod paths;
pub mod probe;
pub mod program;
pub mod reconcile;
pub mod resources;
pub mod service;
pub mod shim;
pub mod state_dir;
pub mod sweep;
pub mod telemetry;
