//! Loading a scenario: all mistakes at once, each with its place.
