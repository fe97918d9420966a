//! Images: present, pulled as the policy says, or imported from a root file system.

pub mod ensure;
pub mod tag;
