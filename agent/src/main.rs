//! `throng-agent`: see the library.

use std::process::ExitCode;

use throng_agent::{launcher, shim};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    // The two helpers of process nodes stay small: they run before anything else of the agent does.
    match arguments.next().as_ref().and_then(|word| word.to_str()) {
        Some("shim") => shim::command::main(arguments),
        Some("launch") => launcher::command::main(arguments),
        _ => ExitCode::SUCCESS,
    }
}
