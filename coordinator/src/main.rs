//! `throng`: see the library.

fn main() {}
