//! `throng`: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(throng::cli::dispatch::dispatch(std::env::args_os()).exit_code())
}
