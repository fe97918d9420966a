//! The work that the core asks for, on the real host.

mod adopt;
mod container;
mod end;
mod host;
mod process;
mod resources;
mod settle;

pub(super) use adopt::end_of;
pub use host::{Host, HostParts};
