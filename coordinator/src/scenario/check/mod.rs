//! What spans several keys: references, sums, placeholders, alternatives.

mod address;
mod capability;
mod claims;
mod context;
mod image;
mod metrics;
mod paths;
mod pattern;
mod ports;
mod probes;
mod role;
mod scope;
mod steps;
mod storage;

mod texts;
mod whole;

pub(super) use whole::all;
