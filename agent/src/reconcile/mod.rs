//! The one loop that brings the host from what is to what is desired.

pub mod decide;
pub mod node_state;
