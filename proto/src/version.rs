//! What two ends say of themselves in their first call.

use crate::agent::Version;

/// Raised when old and new cannot work together.
pub const MAJOR: u32 = 1;
/// Raised with every addition.
pub const MINOR: u32 = 2;
/// The build: package version. Coordinator and agent of one machine must be of the same build.
pub const BUILD: &str = env!("CARGO_PKG_VERSION");

/// What this end says of itself.
pub fn this() -> Version {
    Version { major: MAJOR, minor: MINOR, build: BUILD.to_owned() }
}

/// Whether this end can work with the other: the same major version.
pub fn accepts(other: &Version) -> bool {
    other.major == MAJOR
}
