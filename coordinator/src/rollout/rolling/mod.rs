//! Changing nodes of a cluster that is up, some at a time: restarts, and another scenario.
//!
//! In: which nodes, how many may be down at once, how many may fail. Out: a cluster of which every node is changed, or of
//! which is said which are, which are not, and why it stopped. [`plan`] decides, [`drive`] watches and does, [`diff`] says
//! what a change means for a node.

mod diff;
mod drive;
mod plan;
mod reset;
mod restart;
mod target;
mod update;

pub use diff::{RoleDiff, SettingDiff};
pub use plan::Bound;
pub use reset::start_reset;
pub use restart::start_restart;
pub use target::{TargetError, diff_with};
pub use update::start_update;
