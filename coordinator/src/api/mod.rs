//! The gRPC API: each request becomes a checked value, each error a status.
//!
//! One file a subject. The service itself only hands over; who may call what is decided before it (`authz`).

mod cluster;
mod contents;
mod fleet;
mod logs;
mod node;
mod operation;
mod rolling;
mod run;
mod service;
mod status;
mod wire;

pub use service::{ApiParts, ApiService};
pub use wire::bundle_from_wire;
