//! A node's folders and files, made and removed without ever being led out of them by a link or a mount.

pub mod apply;
pub mod beneath;
pub mod error;
pub mod folders;
pub mod plan;
pub mod removal;
