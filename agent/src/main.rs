//! `throng-agent`: see the library.

fn main() {}
