//! The two programs end to end on this machine: real engine, real kernel, real servers. Each test has a throng of its
//! own and fails where anything of it is left.

#![expect(clippy::unwrap_used, reason = "a test that fails here says so by failing")]

mod agent_lost;
mod clock;
mod commands;
mod engine_faults;
mod engine_killed;
mod engine_meanwhile;
mod examples;
mod failures;
mod foreign;
mod host_resources;
mod images;
mod interrupted;
mod keys;
mod killed;
mod link_cut;
mod lost;
mod misbehaving;
mod pressure;
mod python;
mod refused;
mod registry;
mod remote;
mod rolling;
mod run;
mod secrets;
mod slow_disk;
mod squeezed;
mod stop;
mod stopping;
mod systemd;
mod taken_up;
mod together;
mod twice;
mod up;
