//! Claims about plans.

mod fixture;
mod properties;
mod refusals;
mod rendering;
mod scaling;
mod squeeze;
