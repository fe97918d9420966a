//! The coordinator itself: the fleet's hosts, the clusters and the operations under one roof.
//!
//! In: what agents see (one stream a host), what operators want (the API). Out: a whole desired state for every host,
//! journalled before any agent is told. Nothing here polls agents; only the system under test is asked, and only while
//! something waits for its answer.

mod audit;
mod coordinator;
mod desired;
mod fan;
mod hosts;
mod ops;
mod prepared;
mod reserved;
mod seen;
mod session;

pub use coordinator::{Core, CoreError, CoreParts};
pub(crate) use desired::{rendered, rendered_as};
pub use hosts::{HostBook, HostView};
pub use ops::LiveOps;
pub use reserved::{Reservation, Reservations};
