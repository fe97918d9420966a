//! An engine that lives in memory, for tests of what stands above it. It records calls and injects failures; it holds
//! no logic beyond what a list must show.

pub mod engine;
pub mod state;
