//! The kernel's process table.
