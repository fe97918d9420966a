//! Long-running commands that a CLI follows, leaves and cancels.
