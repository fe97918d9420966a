//! What this host is and has, read without side effects, also by `throng-agent facts`.

pub mod engine_process;
pub mod observe;
