//! The scenario as its file says it: one struct a table, one field a key.
//!
//! These types carry what the file says, checked key by key; what spans several keys (placeholders, references,
//! sums) is checked by the coordinator's `scenario` module, which also knows where each key stands.
//! Texts that may hold placeholders are plain [`String`]s: see [`super::placeholder`].
//! The doc comments become the JSON Schema's descriptions (`throng schema`).

mod document;
mod fleet;
mod image;
mod lifecycle;
mod probe;
mod role;
mod storage;
mod test;

pub use document::{About, FORMAT, ParamValue, Scenario};
pub use fleet::{Fleet, HostKind, Provider, Reserve, SysctlValue, Tuning, TuningProfile};
pub use image::{Image, ImageBuild, PullPolicy};
pub use lifecycle::{Prepare, PreparePer, Restart, RestartWhen, Start, Stop};
pub use probe::{Each, EachJson, Metric, Ready, Seen};
pub use role::{Role, RunKind};
pub use storage::{Disk, FileDecl, Ramdisk, Shared};
pub use test::{Expected, Test};
