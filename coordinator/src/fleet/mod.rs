//! The agents' links: who is connected, calls to them, and calls to many of them at once.
//!
//! A link is one TLS connection that an agent dialled and over which the coordinator is the HTTP/2 client. What flows
//! in are connections from the listener; what flows out are answers, errors that name the host, and a watch of who is
//! connected. Nothing here knows clusters or nodes.

mod admit;
mod call;
mod enrolment;
mod error;
mod fan_out;
mod link;
mod patience;
mod registry;
mod state;
mod stream;

pub use enrolment::{EnrolmentService, JOIN_TOKEN_TTL, JoinToken};
pub use error::{DisconnectReason, FleetError};
pub use fan_out::{FAN_OUT_WIDTH, fan_out};
pub use link::LinkService;
pub use patience::HOST_AWAY_MAX;
pub use registry::Fleet;
pub use state::{Hello, LinkState};
pub use stream::LinkStream;
