//! The kernel's mount tables.
