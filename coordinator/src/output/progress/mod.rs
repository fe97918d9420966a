//! The progress of long work: one stream of events, told as moving lines, as plain lines, and as a record at the end.

pub mod bars;
pub mod lines;
pub mod record;
pub mod show;
