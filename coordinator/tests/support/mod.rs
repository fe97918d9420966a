//! What the tests of the link share: agents in this process, over pipes.
#![expect(clippy::unwrap_used, reason = "tests end at the first surprise")]

pub(crate) mod duplex;
pub(crate) mod scripted_agent;
