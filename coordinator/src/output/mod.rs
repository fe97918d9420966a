//! What people and programs read: tables, folded node sets, JSON, progress.

pub mod fold;
pub mod palette;
pub mod plan;
pub mod printer;
pub mod progress;
pub mod table;
pub mod time;
