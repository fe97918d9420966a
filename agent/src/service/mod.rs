//! The gRPC service that the coordinator calls.
