//! A report as text for people: verdicts first, then why, then where the time went, then what is left.

pub mod failures;
mod figures;
mod hosts;
mod recorded;
mod render;
#[cfg(test)]
mod tests;

pub use render::{Standing, render, render_now, residue_line};
