//! Ports: kept from outgoing connections, tried before use, and a foreign holder named.
//!
//! The reservation itself is a kernel setting with a list for a value: see [`crate::resources::sysctl`].

pub mod holder;
pub mod probe;
pub mod reservation;
