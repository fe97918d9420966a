//! The teardown audit: what of throng is left on this host, read from kernel and engine only.
