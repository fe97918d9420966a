//! Loading a scenario: all mistakes at once, each with its place.
//!
//! A bundle's texts become one tree that knows where everything stands (`parse`, `merge`, `params`); the tree is
//! checked against the schema and mended where it is wrong (`shape`), read into the typed scenario (`typed`), and
//! what spans several keys is checked last (`check`). Nothing here reads a file or a clock.

mod check;
mod code;
mod diagnostic;
mod document;
mod include;
mod init;
mod load;
mod merge;
mod names;
mod params;
mod parse;
mod path;
pub(crate) mod report;
mod schema;
mod shape;
mod shape_fault;
mod source;
mod tree;
mod typed;

pub use code::Code;
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub(crate) use document::Texts;
pub use init::init_text;
pub use load::{Loaded, load};
pub use names::{Named, SAFE_PATH_RULE, included_files, is_safe_path, named_files};
pub use schema::schema;
