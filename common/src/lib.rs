//! throng's vocabulary: the words that every crate shares, without input, output, gRPC or clocks; and one call of the kernel
//! with which its programs begin ([`inherited_files`]).

pub mod backoff;
pub mod ca_pin;
pub mod error_chain;
pub mod host_spec;
pub mod ids;
pub mod inherited_files;
pub mod layout;
pub mod nodeset;
pub mod ports;
pub mod scenario;
pub mod size;
pub mod span;
pub mod status;
pub mod sysctl_keys;
mod text_type;
pub mod verdict;
