//! Claims about plans.

pub(crate) mod fixture;
mod imagined;
mod pairs;
mod properties;
mod refusals;
mod rendering;
mod scaling;
mod squeeze;
