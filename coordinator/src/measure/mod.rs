//! What hosts and nodes went through while a run was under way: the load of every host, second by second, and the most
//! that the nodes of each role used.
//!
//! In: the samples and statuses that agents send. Out: figures for the run's report, bounded however long the run is.
//! While anything is recorded, agents are asked for samples every second; otherwise four times a minute.

mod hosts;
mod interval;
mod measurements;
mod recording;
mod roles;
mod series;

pub use measurements::Measurements;
pub use recording::Recording;
