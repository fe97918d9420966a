//! The fleet's own certificate authority.
