//! `throng doctor`: whether this machine can do it, and how to mend it.

mod command;
mod examine;
mod finding;
mod findings;
mod survey;

pub use command::{DoctorArgs, run};
