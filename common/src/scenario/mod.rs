//! The scenario's language: its tables, steps, selectors and placeholders.

pub mod condition;
pub mod figure;
pub mod mode;
pub mod model;
pub mod placeholder;
pub mod ports;
pub mod quorum;
pub mod rate;
pub mod selector;
pub mod signal;
pub mod steps;
