//! The scenario's language: its tables, steps, selectors and placeholders.

pub mod model;
pub mod placeholder;
pub mod ports;
pub mod selector;
pub mod steps;
