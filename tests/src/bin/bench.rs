//! `make bench`: see [`throng_tests::bench`].

use std::io::Write as _;
use std::process::ExitCode;

use throng_tests::bench::{Options, run};

fn main() -> ExitCode {
    match Options::from_environment() {
        Ok(options) => {
            run(options);
            ExitCode::SUCCESS
        }
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "bench: {problem}");
            ExitCode::from(2)
        }
    }
}
