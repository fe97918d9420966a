//! The service over a connection in memory, with the engine in memory.
