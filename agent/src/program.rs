//! The program: which of its four parts a process is.

use std::process::ExitCode;

use crate::{cli, enter, launcher, shim};

/// Does what the arguments of this process say.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let program = arguments.next();
    let mut arguments = arguments.peekable();
    // The helpers of nodes stay small: they run before anything else of the agent does.
    match arguments.peek().and_then(|word| word.to_str()) {
        Some("shim") => shim::command::main(arguments.skip(1)),
        Some("enter") => enter::command::main(arguments.skip(1)),
        Some("launch") => launcher::command::main(arguments.skip(1)),
        _ => cli::dispatch(program.into_iter().chain(arguments)),
    }
}
