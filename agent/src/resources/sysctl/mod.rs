//! Kernel settings: recorded before they are written, raised and never lowered, read back, reported when somebody else
//! changes them, put back at the end only if they are still ours.
//!
//! Wants of all clusters of the host are merged; a list of ports gets and loses only our part.

pub mod apply;
pub mod error;
pub mod key;
pub mod note;
pub mod plan;
pub mod record;
pub mod store;
pub mod value;
