//! The transport as a whole: links, certificates, joining and authorisation, with both ends' real code.
#![expect(clippy::unwrap_used, reason = "tests end at the first surprise")]

mod authz;
mod caller;
mod duplex;
mod enrolment;
mod link;
mod port;
mod scripted_agent;
