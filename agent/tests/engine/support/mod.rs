//! What the tests share.

pub(crate) mod busybox;
pub(crate) mod engine;
pub(crate) mod process;
pub(crate) mod wait;
