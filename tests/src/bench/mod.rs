//! The benchmarks: throng, other programs and the engine's bare floor, interleaved in one run.
//!
//! These machines are noisy: no absolute time is compared, only what was taken side by side, pair by pair, and the floor
//! also with itself, which says how much the machine disagrees with itself. Before a time counts, a gate is passed: so
//! many containers run, their ports answer, their ramdisks are right, and nothing is left afterwards. All of it goes to
//! engines of the benchmarks' own: one for throng and the floor, one for the others.

mod account;
mod adopt;
mod api;
mod benchmark;
mod clean;
mod cold;
mod demo;
mod density;
mod engine;
mod exec;
mod figures;
mod floor;
mod idle;
mod journal;
mod load;
mod machine;
mod options;
mod ours;
mod peers;
mod ports;
mod recorder;
mod run;
mod updown;

pub use benchmark::Benchmark;
pub(crate) use clean::remove_leftovers;
pub use options::Options;
pub use run::run;
