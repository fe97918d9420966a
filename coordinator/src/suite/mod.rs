//! Runs a scenario's tests against a cluster and says what each came to.
//!
//! In: a checked scenario, the cluster behind [`ops::ClusterOps`], a seed. Out: one [`engine::RunResult`], events on the
//! way, artefacts in the run's folder. What it decides (expectations, draws, verdicts, folding) is pure; what it does
//! goes through the trait. It must never count as passed what it could not run, nor leave a test's teardown out.

mod artefacts;
mod check;
mod clock;
mod context;
mod draw;
pub mod engine;
mod excerpt;
mod expect;
#[cfg(test)]
mod fake;
mod fanout;
mod figure;
mod fold;
mod json;
mod lifecycle;
mod nodefault;
pub mod ops;
mod pace;
pub mod process;
mod program;
mod request;
mod sampler;
mod save;
mod series;
mod step;
mod test_run;
#[cfg(test)]
mod tests;
mod verdict;

pub use clock::RunClock;
