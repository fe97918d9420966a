//! Places at which a test may kill a daemon, and faults that a test may plant in one.
//!
//! In the daemons each place is one line: `hit(Point::NodeRecorded);`. Without the feature `armed` that line is nothing,
//! and no name of a point is in the program. With it, `FAILPOINTS` says what happens: see [`arm`].

#[cfg(feature = "armed")]
mod armed;
#[cfg(not(feature = "armed"))]
mod disarmed;
mod fault;
mod listed;
mod point;

#[cfg(feature = "armed")]
pub use armed::{arm, during, hit, planted};
#[cfg(not(feature = "armed"))]
pub use disarmed::{during, hit, planted};
pub use fault::Fault;
pub use point::Point;
