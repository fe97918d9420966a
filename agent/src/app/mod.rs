//! The life of the agent: build, run, drain.

mod build;
mod error;
mod identity;
mod life;

pub use error::AppError;
pub use life::{Options, run};
