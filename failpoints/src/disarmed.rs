//! What the programs have: nothing.

use crate::{Fault, Point};

/// Nothing happens here.
#[inline]
pub const fn hit(_: Point) {}

/// The future itself.
#[inline]
pub fn during<F>(_: Point, future: F) -> F {
    future
}

/// No fault is planted.
#[inline]
pub const fn planted(_: Fault) -> bool {
    false
}
