//! The program: which of its four parts a process is.

use std::ffi::CStr;
use std::process::ExitCode;

use nix::sys::prctl;

use crate::{cli, enter, launcher, shim};

/// The short name of its processes.
const NAME: &CStr = c"throng-agent";

/// Does what the arguments of this process say.
pub fn main() -> ExitCode {
    // What is started by `/proc/self/exe` is called `exe` otherwise: by `ps`, and by what tells who used the host.
    let _ = prctl::set_name(NAME);
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
