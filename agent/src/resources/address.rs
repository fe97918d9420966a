//! The address that nodes listen on, where throng adds it to `lo`.
