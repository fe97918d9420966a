//! `throng-agent`: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    throng_agent::program::main()
}
