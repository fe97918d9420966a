//! Containers of the engine.
