//! The program: which of its three parts a process is.

use std::process::ExitCode;

use crate::{cli, launcher, shim};

/// Does what the arguments of this process say.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let program = arguments.next();
    let mut arguments = arguments.peekable();
    // The two helpers of process nodes stay small: they run before anything else of the agent does.
    match arguments.peek().and_then(|word| word.to_str()) {
        Some("shim") => shim::command::main(arguments.skip(1)),
        Some("launch") => launcher::command::main(arguments.skip(1)),
        _ => cli::dispatch(program.into_iter().chain(arguments)),
    }
}
