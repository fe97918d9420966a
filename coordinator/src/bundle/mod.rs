//! A scenario with every file it names, as the CLI ships it.
//!
//! Collected where the caller is; from there on nobody reads the caller's folder. What throng itself reads (the scenario,
//! its overlays, the files that nodes are given) travels in one message and is held in memory; what only scripts and
//! programs read may be large, is named by its digest and lies in the coordinator's content store.

mod collect;
mod error;
mod hash;
mod layout;
mod model;
mod naming;

pub use collect::collect;
pub use error::BundleError;
pub use hash::{Contents, hash_inputs};
pub use layout::{lay_out, lay_out_copy};
pub use model::{BUNDLE_MAX_BYTES, Bundle, Caller, InputFile};
pub use naming::{Naming, NamingError};
