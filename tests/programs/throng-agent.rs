//! `throng-agent` with points at which tests can kill it.

use std::process::ExitCode;

fn main() -> ExitCode {
    throng_failpoints::arm();
    throng_agent::program::main()
}
