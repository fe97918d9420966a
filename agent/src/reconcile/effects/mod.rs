//! The work that the core asks for, on the real host.

mod adopt;
mod confirm;
mod container;
mod end;
mod ended;
mod host;
mod process;
mod resources;
mod settle;

pub use host::{Host, HostParts};
