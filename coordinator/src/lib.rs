//! The coordinator and its command line.

pub mod api;
pub mod app;
pub mod authz;
pub mod bundle;
pub mod cli;
pub mod client;
pub mod clock;
pub mod cluster;
pub mod content;
pub mod core;
pub mod daemon;
pub mod fleet;
pub mod image;
pub mod judgement;
pub mod listener;
pub mod measure;
pub mod operation;
pub mod output;
pub mod paths;
pub mod pki;
pub mod planner;
pub mod report;
pub mod rollout;
pub mod scenario;
pub mod store;
pub mod suite;
