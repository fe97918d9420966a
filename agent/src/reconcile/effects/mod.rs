//! The work that the core asks for, on the real host.

mod adopt;
mod confirm;
mod container;
mod end;
mod ended;
mod engine;
mod host;
mod jvm;
mod process;
mod resources;
mod settle;
mod turns;

pub use adopt::Looked;
pub use ended::ContainerEnd;
pub use host::{Host, HostParts};
