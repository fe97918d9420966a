//! Generates the gRPC code with protox: no protoc is needed.

use std::path::PathBuf;

use prost::Message as _;

const PROTOS: [&str; 2] = ["throng/agent/v1/agent.proto", "throng/v1/throng.proto"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let descriptors = protox::compile(PROTOS, ["."])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;
    for proto in PROTOS {
        println!("cargo:rerun-if-changed={proto}");
    }
    Ok(())
}
