//! Bringing clusters up and down: dependencies, quorum, stragglers, teardown with its audit, and whole runs.
//!
//! Everything here is an operation of the coordinator: it goes on without the CLI that asked for it, says what it does,
//! can be asked to stop, and then takes down what it brought up.

mod bring_up;
mod commands;
mod failure;
mod images;
mod prepare;
mod resume;
mod rolling;
mod run;
mod scaling;
mod settling;
mod sweep;
mod take_down;
mod wait;

pub use commands::{start_down, start_run, start_scale, start_test, start_up};
pub use failure::RolloutError;
pub use prepare::{Admitted, admit, plan_inputs};
pub use resume::go_on;
pub use rolling::{Bound, RoleDiff, SettingDiff, TargetError, diff_with, start_reset, start_restart, start_update};
pub use run::{RunWish, outcome_word, record_of};
pub use scaling::{Leaving, scale};
pub use settling::wait_gone;
pub use sweep::start_sweep;
pub use wait::wait_all_up;
