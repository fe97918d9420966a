//! The command line of `throng-agent`.

mod args;
mod dispatch;
mod look;
mod start;

pub use dispatch::dispatch;
