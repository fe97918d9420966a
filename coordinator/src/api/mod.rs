//! The gRPC API: each request becomes a checked struct, each error a status.
