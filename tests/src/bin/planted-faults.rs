//! `make planted-faults`: see [`throng_tests::campaign::planted`].

use std::process::ExitCode;

use throng_tests::campaign::planted::run;

fn main() -> ExitCode {
    let names = std::env::var("FAULTS").unwrap_or_default();
    if run(&names, None).is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
