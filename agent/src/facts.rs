//! What this host is and has, read without side effects.
