//! `throng` with points at which tests can kill it.

use std::process::ExitCode;

fn main() -> ExitCode {
    throng_failpoints::arm();
    ExitCode::from(throng::cli::dispatch::dispatch(std::env::args_os()).exit_code())
}
