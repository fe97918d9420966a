//! The wire: generated code of the two gRPC packages, and the conversions between it and `throng-common`.

pub mod convert;
pub mod outcome;
pub mod severable;
pub mod transport;
pub mod version;

/// `throng.agent.v1`: what the coordinator calls on an agent.
#[expect(missing_docs, clippy::all, clippy::pedantic, reason = "generated code")]
pub mod agent {
    tonic::include_proto!("throng.agent.v1");
}

/// `throng.v1`: what operators and automation call on the coordinator.
#[expect(missing_docs, clippy::all, clippy::pedantic, reason = "generated code")]
pub mod operator {
    tonic::include_proto!("throng.v1");
}

/// The descriptors of both packages, encoded as a `google.protobuf.FileDescriptorSet`, for reflection and tests.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

pub use prost_types as types;
