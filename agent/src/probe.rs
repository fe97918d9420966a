//! Asking nodes whether they are ready.
