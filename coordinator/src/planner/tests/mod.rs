//! Claims about plans.

pub(crate) mod fixture;
mod properties;
mod refusals;
mod rendering;
mod scaling;
mod squeeze;
