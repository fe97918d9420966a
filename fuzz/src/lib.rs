//! What comes from a file, a socket or a person never makes throng panic, and keeps what it promises. Each [`Target`] takes
//! any bytes and panics where that does not hold; `make fuzz` looks for such bytes, guided by what of throng they reach.

mod hosts;
mod mounts;
mod nodes;
mod scenario;
mod target;
mod wire;

pub use target::Target;
